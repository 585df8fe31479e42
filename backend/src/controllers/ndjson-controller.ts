import type { Readable } from 'node:stream';

import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { EventService } from '../services/events/event-service';
import type { Caller } from '../types/auth';
import type { EventInput } from '../types/event';

const LINE_MAX_BYTES = 100 * 1024;
/** A stream may be silent for this long. */
const IDLE_MS = 30_000;
/** So many lines are under way at once: enough for two commits, one filled while the other is being made. */
const WINDOW = 900;
/** Result lines are written together, about this many characters at a time. */
const WRITE_CHARS = 16 * 1024;

type Line = { readonly kind: 'line'; readonly bytes: Buffer } | { readonly kind: 'too_long' };

export interface NdjsonControllerParts {
  readonly events: EventService;
  /** Reads one line; throws AppError for what is wrong with it. */
  readonly readLine: (bytes: Buffer) => EventInput;
  readonly readLines: (stream: Readable, maxBytes: number) => AsyncIterable<Line>;
  readonly toProblem: (error: unknown, requestId: string) => object;
  /** Takes the limit on the time of a whole body away, and sets one on its silence. */
  readonly liftBodyDeadline: (request: Request, idleMs: number) => void;
}

/** HTTP for a stream of events: a line in, a result line out, in order. Memory is bounded by the window, whatever the number of lines. */
export class NdjsonController {
  constructor(private readonly parts: NdjsonControllerParts) {}

  readonly post = async (request: Request, response: Response): Promise<void> => {
    const { events, readLine, readLines, toProblem, liftBodyDeadline } = this.parts;
    const { clientId } = response.locals['caller'] as Caller;
    const requestId = response.locals['requestId'] as string;
    liftBodyDeadline(request, IDLE_MS);
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson; charset=utf-8', 'Cache-Control': 'no-store' });
    const results = new OrderedLines(response);

    const accept = async (line: Line): Promise<object> => {
      try {
        if (line.kind === 'too_long')
          throw new AppError('body_too_large', 'The line is longer than the 102400 bytes accepted here.');
        const standing = await events.accept(clientId, readLine(line.bytes));
        return { event_id: standing.eventId, status: standing.status, duplicate: standing.isDuplicate };
      } catch (error) {
        return { error: toProblem(error, requestId) };
      }
    };
    try {
      for await (const line of readLines(request, LINE_MAX_BYTES)) {
        results.add(accept(line));
        if (results.waiting >= WINDOW) await results.writeSome();
        if (response.destroyed) return;
      }
      while (results.waiting > 0) await results.writeSome();
      response.end();
    } catch (error) {
      // The client went away or fell silent: what was taken is taken, and there is nobody to tell.
      if (!request.complete || response.destroyed) response.destroy();
      else throw error;
    }
  };
}

/** Writes the results of promises in the order in which they were added, no faster than they are read. */
class OrderedLines {
  private readonly pending: Promise<object>[] = [];
  private next = 0;

  constructor(private readonly response: Response) {}

  get waiting(): number {
    return this.pending.length;
  }

  add(result: Promise<object>): void {
    this.pending.push(result);
  }

  /** Writes half of what waits: the rest goes on being accepted meanwhile. */
  async writeSome(): Promise<void> {
    const taken = this.pending.splice(0, Math.ceil(this.pending.length / 2));
    let text = '';
    for (const result of taken) {
      text += `${JSON.stringify({ index: this.next, ...(await result) })}\n`;
      this.next += 1;
      if (text.length >= WRITE_CHARS) {
        await this.write(text);
        text = '';
      }
    }
    await this.write(text);
  }

  private async write(text: string): Promise<void> {
    if (text === '' || this.response.destroyed || this.response.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.response.off('drain', done);
        this.response.off('close', done);
        resolve();
      };
      this.response.on('drain', done);
      this.response.on('close', done);
    });
  }
}
