import type { Request, Response } from 'express';

import { AppError, toProblem } from '../errors';
import type { EventService, Standing } from '../services/events/event-service';
import { StoreUnavailableError } from '../interfaces/event-store';
import type { Runtime } from '../interfaces/runtime';
import type { EventView } from '../types/delivery';
import type { EventKey } from '../types/event';
import { readEvent } from '../validation-schemas/event';
import { keyOfItem, readIdempotencyKey } from './idempotency-key';
import { callerOf, linkTo, requestIdOf, send } from './json';

const BATCH_MAX_EVENTS = 1000;
/**
 * After this many events of a batch the event loop is given back, so that one large batch delays no
 * other request.
 */
const EVENTS_PER_TURN = 25;

export interface EventControllerParts {
  readonly events: EventService;
  readonly runtime: Runtime;
}

/** HTTP for posting events, one or many. */
export class EventController {
  constructor(private readonly parts: EventControllerParts) {}

  readonly post = async (request: Request, response: Response): Promise<void> => {
    const { clientId } = callerOf(response);
    const waitSeconds = preferredWait(request);
    const idempotencyKey = readIdempotencyKey(request);
    const event = readEvent(request.body);
    const standing = await this.parts.events.accept(clientId, event, idempotencyKey, requestIdOf(response));
    response.setHeader('Location', linkTo(response, `/events/${standing.eventId}`));
    if (standing.isDuplicate) response.setHeader('Idempotent-Replayed', 'true');
    if (waitSeconds === null) {
      send(response, 202, standingJson(standing));
      return;
    }
    const view = await this.waitFor({ eventId: standing.eventId, clientId }, waitSeconds, request);
    response.setHeader('Preference-Applied', `wait=${String(waitSeconds)}`);
    const settled = {
      event_id: standing.eventId,
      status: view.status,
      duplicate: standing.isDuplicate,
      deliveries: view.deliveries.map(({ destination, status }) => ({ destination, status })),
    };
    send(response, view.status === 'pending' ? 202 : 200, settled);
  };

  readonly postBatch = async (request: Request, response: Response): Promise<void> => {
    const { clientId } = callerOf(response);
    const requestId = requestIdOf(response);
    const idempotencyKey = readIdempotencyKey(request);
    const raw = readBatch(request.body);
    const pending: Promise<object>[] = [];
    const ourFailures: Error[] = [];
    const count = { accepted: 0, duplicates: 0, rejected: 0 };
    for (const [index, item] of raw.entries()) {
      if (index > 0 && index % EVENTS_PER_TURN === 0) await this.parts.runtime.turn();
      pending.push(
        this.acceptOne(clientId, item, keyOfItem(idempotencyKey, index), requestId).then(
          (standing) => {
            count[standing.isDuplicate ? 'duplicates' : 'accepted'] += 1;
            return { index, event_id: standing.eventId, status: standing.status, duplicate: standing.isDuplicate };
          },
          (error: unknown) => {
            count.rejected += 1;
            if (isOurs(error)) ourFailures.push(error);
            return { index, error: toProblem(error, requestId) };
          },
        ),
      );
    }
    const results = await Promise.all(pending);
    // Nothing of it was taken, for a reason of ours: that is one answer, not a thousand.
    const [ourFailure] = ourFailures;
    if (ourFailure !== undefined && count.rejected === raw.length) throw ourFailure;
    send(response, 207, { ...count, results });
  };

  private async acceptOne(
    clientId: string,
    raw: unknown,
    idempotencyKey: string | undefined,
    requestId: string,
  ): Promise<Standing> {
    return this.parts.events.accept(clientId, readEvent(raw), idempotencyKey, requestId);
  }

  private async waitFor(key: EventKey, seconds: number, request: Request): Promise<EventView> {
    const ended = new AbortController();
    const cancelTimer = this.parts.runtime.after(seconds * 1000, () => ended.abort());
    const onClose = () => ended.abort();
    request.socket.once('close', onClose);
    try {
      return await this.parts.events.waitForOutcome(key, ended.signal);
    } finally {
      cancelTimer();
      request.socket.off('close', onClose);
    }
  }
}

/** Whether the same event would be taken later. */
function isOurs(error: unknown): error is Error {
  return error instanceof StoreUnavailableError || (error instanceof AppError && error.code === 'backlog_full');
}

function readBatch(body: unknown): unknown[] {
  const fault = (detail: string, pointer: string) =>
    new AppError('validation_failed', 'A batch is { "events": [ … ] }.', { errors: [{ pointer, detail }] });
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw fault('must be a JSON object', '');
  const unknown = Object.keys(body).find((key) => key !== 'events');
  if (unknown !== undefined) throw fault('is not a field of a batch', `/${unknown.slice(0, 64)}`);
  const { events } = body as { events?: unknown };
  if (!Array.isArray(events) || events.length === 0) throw fault('must be an array of 1 to 1000 events', '/events');
  if (events.length > BATCH_MAX_EVENTS) {
    throw new AppError(
      'batch_too_large',
      `A batch holds at most ${String(BATCH_MAX_EVENTS)} events; this one has ${String(events.length)}.`,
    );
  }
  return events;
}

function standingJson({ eventId, status, isDuplicate, deliveries }: Standing): object {
  return { event_id: eventId, status, duplicate: isDuplicate, deliveries };
}

const WAIT_MAX_SECONDS = 30;

/**
 * One preference with its parameters: what stands between two commas, those in a quoted string
 * aside.
 */
const PREFERENCE = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
const WAIT = /^\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;|$)/i;

/**
 * `Prefer: wait=N` in whole seconds (RFC 7240, section 4.3), capped; null without it. Of several
 * the first counts; what cannot be understood is ignored, as the RFC asks.
 */
export function preferredWait(request: Request): number | null {
  const header = request.headers['prefer'] ?? '';
  const preferences = (Array.isArray(header) ? header.join(',') : header).match(PREFERENCE) ?? [];
  for (const preference of preferences) {
    const match = WAIT.exec(preference);
    if (match !== null) return Math.min(Number(match[1] ?? match[2]), WAIT_MAX_SECONDS);
  }
  return null;
}
