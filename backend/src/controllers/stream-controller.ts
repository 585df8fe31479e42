import type { Request, Response } from 'express';

import type { Runtime } from '../interfaces/runtime';
import type { EventFact } from '../services/events/event-feed';
import type { EventStream, StreamedFact } from '../services/events/event-stream';
import { callerOf } from './json';

/** A reader that is behind by more than this is cut off; it comes back with Last-Event-ID. */
const UNREAD_MAX_BYTES = 256 * 1024;
/** A comment this often keeps the connection alive through proxies, and finds out readers that are gone. */
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
