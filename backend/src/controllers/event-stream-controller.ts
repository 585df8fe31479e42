import type { Request, Response } from 'express';

import { AppError, toProblem } from '../errors';
import { type Line, readLines } from '../http/ndjson';
import { openBody } from '../http/read-body';
import { parseStrictJson } from '../http/strict-json';
import { decodeUtf8 } from '../http/utf8';
import type { Runtime } from '../interfaces/runtime';
import type { EventFact } from '../services/events/event-feed';
import type { EventService } from '../services/events/event-service';
import type { EventStream, StreamedFact } from '../services/events/event-stream';
import { readEvent } from '../validation-schemas/event';
import { keyOfItem, readIdempotencyKey } from './idempotency-key';
import { callerOf, requestIdOf } from './json';

const LINE_MAX_BYTES = 100 * 1024;
/** A stream may be silent for this long. */
const IDLE_MS = 30_000;
/**
 * So many lines are under way at once: enough for two commits, one filled while the other is being
 * made.
 */
const WINDOW = 900;

export interface NdjsonControllerParts {
  readonly events: EventService;
  readonly runtime: Runtime;
}

/**
 * HTTP for a stream of events: a line in, a result line out, in order. Memory is bounded by the
 * window, whatever the number of lines.
 */
export class NdjsonController {
  constructor(private readonly parts: NdjsonControllerParts) {}

  readonly post = async (request: Request, response: Response): Promise<void> => {
    const { events, runtime } = this.parts;
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
        const standing = await events.accept(
          clientId,
          readEvent(parseStrictJson(decodeUtf8(line.bytes))),
          key,
          requestId,
        );
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

/**
 * Writes the results of promises in the order in which they were added, as soon as they are there
 * and no faster than they are read.
 */
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

  /**
   * Resolves once fewer than `count` lines wait for their result or its reader, or the reader is
   * gone.
   */
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

  /**
   * The reader is behind: nothing more is written, and so no more is read, until it has caught up
   * or is gone.
   */
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

/** A reader that is behind by more than this is cut off; it comes back with Last-Event-ID. */
const UNREAD_MAX_BYTES = 256 * 1024;
/**
 * A comment this often keeps the connection alive through proxies, and finds out readers that are
 * gone.
 */
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;

/** Server-Sent Events (WHATWG HTML, section 9.2): what happens to events, live. */
export class StreamController {
  constructor(
    private readonly stream: EventStream,
    private readonly runtime: Runtime,
  ) {}

  readonly get = (request: Request, response: Response): void => {
    const { scopes, clientId } = callerOf(response);
    const lastId = request.headers['last-event-id'];
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    const send = (text: string): void => {
      response.write(text);
      if (response.writableLength > UNREAD_MAX_BYTES) response.destroy();
    };
    send(`retry: ${String(RETRY_MS)}\n\n`);
    const end = this.stream.subscribe({
      clientId: scopes.includes('events:read:all') ? null : clientId,
      // An empty one is none (WHATWG HTML, 9.2.4).
      lastId: typeof lastId === 'string' && lastId !== '' ? lastId : null,
      onFact: (streamed) => send(eventText(streamed)),
      onReset: () =>
        send(
          'event: reset\ndata: {"detail":"what happened since Last-Event-ID is not known here; read the lists"}\n\n',
        ),
      onEnd: () => response.end(),
    });
    let stopHeartbeat = (): void => undefined;
    const beat = (): void => {
      stopHeartbeat = this.runtime.after(HEARTBEAT_MS, () => {
        send(': still here\n\n');
        beat();
      });
    };
    beat();
    response.once('close', () => {
      end();
      stopHeartbeat();
    });
  };
}

function eventText({ id, fact }: StreamedFact): string {
  return `id: ${id}\nevent: ${fact.fact}\ndata: ${JSON.stringify(dataOf(fact))}\n\n`;
}

function dataOf(fact: EventFact): object {
  const at = new Date(fact.at).toISOString();
  if (fact.fact === 'accepted') {
    const { eventId, clientId, userId, eventName } = fact.event;
    return {
      event_id: eventId,
      client_id: clientId,
      user_id: userId,
      event_name: eventName,
      destinations: fact.destinations,
      at,
    };
  }
  const { eventId, clientId, destination, status, record, deadReason } = fact;
  return {
    event_id: eventId,
    client_id: clientId,
    destination,
    status,
    at,
    ...(deadReason !== null && { dead_reason: deadReason }),
    ...(record && {
      attempt: {
        number: record.number,
        outcome: record.outcome,
        http_status: record.httpStatus,
        duration_ms: record.durationMs,
        error: record.error,
      },
    }),
  };
}
