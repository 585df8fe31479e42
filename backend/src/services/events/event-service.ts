import { createHash } from 'node:crypto';

import { AppError } from '../../errors';
import type { Destination } from '../../interfaces/destination';
import type { AcceptResult, DeliveryStanding, EventStore, NewEvent, Page } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { NewDelivery, AttemptView, EventView } from '../../types/delivery';
import type { AcceptedEvent, EventInput, EventKey, EventStatus } from '../../types/event';
import { Batcher } from '../resilience/batcher';
import { differingFields, fingerprint } from './canonical';
import type { Catalogue } from './catalogue';
import type { EventFeed } from './event-feed';
import { type EventListRequest, listEvents } from './list-events';
import { transformEvent } from './transform-event';

export interface EventServiceParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly catalogue: Catalogue;
  readonly feed: EventFeed;
  /** The destinations as configured now. */
  readonly destinations: () => readonly Destination[];
  readonly backlogMax: number;
  readonly maxAgeMs: number;
  readonly maxAheadMs: number;
  /** Told of each commit: for those who count. */
  readonly onCommit?: (results: readonly AcceptResult[], durationMs: number) => void;
}

/** What a client is told of an event it has posted. */
export interface Standing {
  readonly eventId: string;
  readonly status: EventStatus;
  readonly isDuplicate: boolean;
  readonly deliveries: readonly DeliveryStanding[];
}

/** Chooses the destinations of an event: by its name, or, for a family of older clients, by their type, or none. */
export type Routing = (destination: Destination) => boolean;

/** As many events as one transaction takes; more wait for the next, so that no commit keeps the others waiting for long. */
const EVENTS_PER_COMMIT = 400;
/**
 * An event is committed so soon after it was read, or not at all: by a later time, after the machine slept, the event that it repeats may
 * have been pruned. Deduplication lasts a day longer than events are accepted, which holds this and what their times may be ahead.
 */
const COMMIT_WITHIN_MS = 3_600_000;
/** More than this waiting for a commit means that the disk does not keep up: refused as `overloaded` before memory fills. */
const EVENTS_WAITING_MAX = 20_000;

/** Accepts events and reads them back. */
export class EventService {
  private readonly commits: Batcher<NewEvent, AcceptResult>;
  private readonly stopping = new AbortController();

  constructor(private readonly parts: EventServiceParts) {
    this.commits = new Batcher<NewEvent, AcceptResult>({
      runtime: parts.runtime,
      flush: async (events) => {
        const startedAt = parts.runtime.monotonic();
        const commitBy = Math.min(...events.map(({ event }) => event.acceptedAt)) + COMMIT_WITHIN_MS;
        const results = await parts.store.accept(events, { backlogMax: parts.backlogMax, commitBy });
        parts.onCommit?.(results, parts.runtime.monotonic() - startedAt);
        return results;
      },
      maxItems: EVENTS_PER_COMMIT,
      maxWaiting: EVENTS_WAITING_MAX,
    });
  }

  /**
   * Accepts one event. Resolves only after it is committed and fsynced; concurrent calls share a commit.
   * Throws `validation_failed`, `event_id_conflict`, `idempotency_key_reused`, `backlog_full` or StoreUnavailableError: nothing was taken then.
   */
  async accept(
    clientId: string,
    input: EventInput,
    idempotencyKey?: string,
    requestId: string | null = null,
  ): Promise<Standing> {
    const { runtime, catalogue, maxAgeMs, maxAheadMs } = this.parts;
    const event = transformEvent(input, {
      clientId,
      idempotencyKey,
      catalogue,
      maxAgeMs,
      maxAheadMs,
      now: runtime.now(),
      newId: () => runtime.newId(),
    });
    const only = catalogue.find(event.eventName)?.destinations;
    const isFor: Routing = (destination) =>
      destination.wants(event.eventName) && only?.includes(destination.name) !== false;
    return this.take(event, isFor, input.event_id === undefined, requestId);
  }

  /**
   * Takes an event that is transformed already, as the families of older clients make theirs. As `accept` otherwise.
   * @param routing which destinations get it; one whose mode is off gets nothing either way
   * @param requestId sent on with its deliveries
   */
  async take(
    event: AcceptedEvent,
    routing: Routing,
    isIdFromKey: boolean,
    requestId: string | null = null,
  ): Promise<Standing> {
    const result = await this.commits.add({
      event,
      fingerprint: fingerprint(event),
      deliveries: this.deliveriesOf(event, routing),
      requestId,
    });
    if (result.kind === 'full') {
      throw new AppError(
        'backlog_full',
        'Too many events wait for their destinations; nothing was taken. Send it again later.',
        {
          retryAfterSeconds: 10,
        },
      );
    }
    if (result.kind === 'conflict') throw conflict(event, result.stored, isIdFromKey);
    const isDuplicate = result.kind === 'duplicate';
    const { status, deliveries } = result;
    if (!isDuplicate) {
      const destinations = deliveries.map(({ destination }) => destination);
      this.parts.feed.publish({ fact: 'accepted', at: event.acceptedAt, event, destinations });
    }
    return { eventId: event.eventId, status, isDuplicate, deliveries };
  }

  /** Resolves once the event has no open delivery, or at `until`, with its standing then. */
  async waitForOutcome(key: EventKey, until: AbortSignal): Promise<EventView> {
    const { feed, runtime } = this.parts;
    const signal = AbortSignal.any([until, this.stopping.signal]);
    for (;;) {
      const change = new AbortController();
      const stopListening = feed.listen((fact) => {
        if (fact.fact !== 'accepted' && fact.eventId === key.eventId) change.abort();
      });
      try {
        const view = await this.find(key);
        if (view.status !== 'pending' || signal.aborted) return view;
        // Another process may be the one that delivers, so the store is asked again now and then.
        await runtime.sleep(1_000, AbortSignal.any([signal, change.signal]));
      } finally {
        stopListening();
      }
    }
  }

  /** Throws `not_found` also for an event of another client. */
  async find(key: EventKey): Promise<EventView> {
    return (await this.parts.store.find(key)) ?? notFound();
  }

  async attempts(key: EventKey): Promise<AttemptView[]> {
    return (await this.parts.store.attempts(key)) ?? notFound();
  }

  /** One page of events, newest accepted first. `clientId` null: every client's. Throws `validation_failed`. */
  list(clientId: string | null, request: EventListRequest): Promise<Page<EventView>> {
    return listEvents(this.parts.store, clientId, request);
  }

  /** Ends every wait for an outcome, each with the standing of now: the process is about to stop. */
  stopWaiting(): void {
    this.stopping.abort();
  }

  /** Resolves when no accepted request waits for its commit. */
  idle(): Promise<void> {
    return this.commits.idle();
  }

  private deliveriesOf(event: AcceptedEvent, isFor: Routing): NewDelivery[] {
    const deliveries: NewDelivery[] = [];
    for (const destination of this.parts.destinations()) {
      if (destination.mode === 'off' || !isFor(destination)) continue;
      const payload = destination.toPayload(event);
      deliveries.push({
        destination: destination.name,
        payload,
        checksum: createHash('sha256').update(payload).digest(),
        dueAt: Math.max(event.acceptedAt, event.deliverAt ?? 0),
      });
    }
    return deliveries;
  }
}

function notFound(): never {
  throw new AppError('not_found', 'There is no such event.');
}

function conflict(event: AcceptedEvent, stored: AcceptedEvent, isFromKey: boolean): AppError {
  const fields = differingFields(stored, event);
  const differ = `differs from the stored event in: ${fields.join(', ')}`;
  const errors = fields.map((field) => ({ pointer: `/${field}`, detail: 'differs from the stored event' }));
  return isFromKey
    ? new AppError('idempotency_key_reused', `This Idempotency-Key was used for another event; this one ${differ}.`, {
        errors,
      })
    : new AppError('event_id_conflict', `This event_id was used for another event; this one ${differ}.`, { errors });
}
