import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { Runtime } from '../interfaces/runtime';
import type { EventService } from '../services/events/event-service';
import type { EventInput } from '../types/event';
import { keyOfItem, readIdempotencyKey } from './idempotency-key';
import { callerOf, requestIdOf } from './json';

const LINE_MAX_BYTES = 100 * 1024;
/** A stream may be silent for this long. */
const IDLE_MS = 30_000;
/** So many lines are under way at once: enough for two commits, one filled while the other is being made. */
const WINDOW = 900;

type Line = { readonly kind: 'line'; readonly bytes: Buffer } | { readonly kind: 'too_long' };

export interface NdjsonControllerParts {
  readonly events: EventService;
  readonly runtime: Runtime;
  /** Reads one line; throws AppError for what is wrong with it. */
  readonly readLine: (bytes: Buffer) => EventInput;
  /** The bytes of the body without its content coding; throws AppError where the headers are wrong, or later where the coding is. */
  readonly openBody: (request: Request, response: Response) => AsyncIterable<Buffer>;
  readonly readLines: (stream: AsyncIterable<Buffer>, maxBytes: number) => AsyncIterable<Line>;
  readonly toProblem: (error: unknown, requestId: string) => object;
}

/** HTTP for a stream of events: a line in, a result line out, in order. Memory is bounded by the window, whatever the number of lines. */
export class NdjsonController {
  constructor(private readonly parts: NdjsonControllerParts) {}

  readonly post = async (request: Request, response: Response): Promise<void> => {
    const { events, runtime, readLine, openBody, readLines, toProblem } = this.parts;
    const { clientId } = callerOf(response);
    const requestId = requestIdOf(response);
    const idempotencyKey = readIdempotencyKey(request);
    const body = openBody(request, response);
    // A stream may take as long as it keeps coming.
    request.setTimeout(IDLE_MS, () => request.destroy());
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson; charset=utf-8', 'Cache-Control': 'no-store' });
    response.flushHeaders();
    const results = new OrderedLines(response, () => runtime.turn());

    const accept = async (line: Line, key: string | undefined): Promise<object> => {
      try {
        if (line.kind === 'too_long')
          throw new AppError('body_too_large', 'The line is longer than the 102400 bytes accepted here.');
        const standing = await events.accept(clientId, readLine(line.bytes), key, requestId);
        return { event_id: standing.eventId, status: standing.status, duplicate: standing.isDuplicate };
      } catch (error) {
        return { error: toProblem(error, requestId) };
      }
    };
    let index = 0;
    try {
      for await (const line of readLines(body, LINE_MAX_BYTES)) {
        results.add(accept(line, keyOfItem(idempotencyKey, index)));
        index += 1;
        await results.fewerThan(WINDOW);
        if (response.destroyed) return;
      }
      await results.fewerThan(1);
      response.end();
    } catch (error) {
      if (error instanceof AppError && !response.destroyed) {
        // What came before the fault was taken; where it is says the index.
        results.add(Promise.resolve({ error: toProblem(error, requestId) }));
        await results.fewerThan(1);
        response.end();
        return;
      }
      // The client went away or fell silent: what was taken is taken, and there is nobody to tell.
      if (!request.complete || response.destroyed) response.destroy();
      else throw error;
    }
  };
}

/** Writes the results of promises in the order in which they were added, as soon as they are there and no faster than they are read. */
class OrderedLines {
  /** Of each line its result as text, once it is known. */
  private slots: { text: string | null }[] = [];
  private head = 0;
  private next = 0;
  private isScheduled = false;
  private isBlocked = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly response: Response,
    private readonly turn: () => Promise<void>,
  ) {
    // Whoever waits for a reader must not wait for one that is gone.
    response.once('close', () => this.wake());
  }

  private get waiting(): number {
    return this.slots.length - this.head;
  }

  add(result: Promise<object>): void {
    const slot: { text: string | null } = { text: null };
    const index = this.next++;
    this.slots.push(slot);
    void result.then((value) => {
      slot.text = `${JSON.stringify({ index, ...value })}\n`;
      this.schedule();
    });
  }

  /** Resolves once fewer than `count` lines wait for their result or its reader, or the reader is gone. */
  async fewerThan(count: number): Promise<void> {
    while (this.waiting >= count && !this.response.destroyed) {
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  /** What a commit settles together is written together. */
  private schedule(): void {
    if (this.isScheduled || this.isBlocked) return;
    this.isScheduled = true;
    void this.turn().then(() => {
      this.isScheduled = false;
      this.write();
    });
  }

  private write(): void {
    let text = '';
    for (let slot = this.slots[this.head]; slot?.text != null; slot = this.slots[this.head]) {
      text += slot.text;
      this.head += 1;
    }
    // Cut off now and then: an array loses its head in time that grows with its length.
    if (this.head > 1_000) {
      this.slots = this.slots.slice(this.head);
      this.head = 0;
    }
    if (!this.response.destroyed && text !== '' && !this.response.write(text)) this.block();
    if (!this.isBlocked) this.wake();
  }

  /** The reader is behind: nothing more is written, and so no more is read, until it has caught up or is gone. */
  private block(): void {
    this.isBlocked = true;
    const unblock = (): void => {
      this.response.off('drain', unblock);
      this.response.off('close', unblock);
      this.isBlocked = false;
      this.write();
    };
    this.response.on('drain', unblock);
    this.response.on('close', unblock);
  }
}
