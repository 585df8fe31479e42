import { createHash } from 'node:crypto';
import type { ClaimRequest, DeliveryQuery, EventQuery, Page, StoreFault } from '../interfaces/event-store';
import type { AttemptView, DeliveryView, EventView, HeldTime, StatusCount } from '../types/delivery';
import type { DeliveryStatus, EventKey, PointsCount } from '../types/event';
import type { CursorKind } from './event-store-rules';
import { decodeCursor, encodeCursor, eventStatusOf } from './event-store-rules';
import type { MemoryStoreState, StoredDelivery, StoredEvent } from './memory-store-state';
import { eventKeyOf, tallyKeyOf } from './memory-store-state';

/** What can be read from a MemoryEventStore's state: the plainest way to each answer. */

export function findEvent(state: MemoryStoreState, { eventId, clientId }: EventKey): StoredEvent | undefined {
  if (clientId !== null) return state.events.get(state.rowsByKey.get(eventKeyOf(eventId, clientId)) ?? 0);
  return [...state.events.values()].find(({ event }) => event.eventId === eventId);
}

export function deliveriesOf(state: MemoryStoreState, stored: StoredEvent): StoredDelivery[] {
  return stored.deliveryIds.flatMap((id) => state.deliveries.get(id) ?? []);
}

export function viewEvent(state: MemoryStoreState, stored: StoredEvent): EventView {
  const deliveries = deliveriesOf(state, stored).map((delivery) => viewDelivery(delivery, stored));
  return { event: stored.event, status: eventStatusOf(deliveries), deliveries };
}

export function viewAttempts(state: MemoryStoreState, stored: StoredEvent): AttemptView[] {
  return deliveriesOf(state, stored)
    .flatMap(({ destination, records }) => records.map((record) => ({ destination, ...record })))
    .sort((a, b) => a.startedAt - b.startedAt);
}

export function listEvents(state: MemoryStoreState, query: EventQuery): Page<EventView> {
  const before = decodeCursor('event', query.cursor);
  const found: [number, EventView][] = [];
  for (const stored of [...state.events.values()].reverse()) {
    if (found.length > query.limit) break;
    if (stored.row >= before) continue;
    const view = viewEvent(state, stored);
    if (matchesEvent(view, query)) found.push([stored.row, view]);
  }
  return cutPage('event', found, query.limit);
}

export function listDeliveries(state: MemoryStoreState, query: DeliveryQuery): Page<DeliveryView> {
  const before = decodeCursor('delivery', query.cursor);
  const found: [number, DeliveryView][] = [];
  for (const stored of [...state.events.values()].reverse()) {
    for (const delivery of deliveriesOf(state, stored).reverse()) {
      const view = viewDelivery(delivery, stored);
      const isOfUser = query.userId === undefined || stored.event.userId === query.userId;
      if (delivery.id < before && isOfUser && matchesDelivery(view, query)) found.push([delivery.id, view]);
    }
    if (found.length > query.limit) break;
  }
  return cutPage('delivery', found, query.limit);
}

/** What a claim takes, and when the next one falls due. */
export function findDue(
  state: MemoryStoreState,
  { destination, limit, replayLimit = limit, now, except = [] }: ClaimRequest,
): { readonly due: readonly StoredDelivery[]; readonly nextDueAt: number | null } {
  const queue = [...state.openIds]
    .flatMap((id) => state.deliveries.get(id) ?? [])
    .filter((delivery) => delivery.destination === destination && !except.includes(delivery.id))
    .sort((a, b) => Number(a.isReplay) - Number(b.isReplay) || (a.dueAt ?? 0) - (b.dueAt ?? 0) || a.id - b.id);
  const ready = queue.filter(({ dueAt }) => (dueAt ?? 0) <= now);
  const allowed = ready.filter(({ isReplay }) => isReplay).slice(0, Math.max(0, replayLimit));
  const due = ready.filter((delivery) => !delivery.isReplay || allowed.includes(delivery)).slice(0, limit);
  const mayTakeReplays = limit <= 0 || due.filter(({ isReplay }) => isReplay).length < replayLimit;
  const others = queue
    .filter((delivery) => !due.includes(delivery) && (mayTakeReplays || !delivery.isReplay))
    .map(({ dueAt }) => dueAt ?? 0);
  return { due, nextDueAt: others.length === 0 ? null : Math.min(...others) };
}

export function pointsOf(state: MemoryStoreState, userId: string): PointsCount[] {
  return [...state.points.values()]
    .filter((points) => points.userId === userId)
    .map(({ eventName, count }) => ({ eventName, count }))
    .sort((a, b) => (a.eventName < b.eventName ? -1 : 1));
}

export function standingOf(deliveries: readonly { readonly destination: string; readonly status: DeliveryStatus }[]) {
  return {
    status: eventStatusOf(deliveries),
    deliveries: deliveries.map(({ destination, status }) => ({ destination, status })),
  };
}

export function countByStatus(state: MemoryStoreState): StatusCount[] {
  const counts = [...state.tallies].map(([key, count]) => {
    const [destination, status] = JSON.parse(key) as [string, DeliveryStatus];
    return { destination, status, count };
  });
  const order = ({ destination, status }: StatusCount): string => JSON.stringify([destination, status]);
  return counts.filter(({ count }) => count > 0).sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

export function heldTimes({ heldMs, holds }: MemoryStoreState): HeldTime[] {
  return [...new Set([...heldMs.keys(), ...holds.keys()])].sort().map((destination) => ({
    ...{ destination, heldMs: heldMs.get(destination) ?? 0, since: holds.get(destination)?.since ?? null },
  }));
}

export function* findFaults(state: MemoryStoreState): Generator<StoreFault> {
  const tallies = new Map<string, number>();
  for (const { id, destination, status, payload, checksum } of state.deliveries.values()) {
    const key = tallyKeyOf(destination, status);
    tallies.set(key, (tallies.get(key) ?? 0) + 1);
    if (!createHash('sha256').update(payload).digest().equals(checksum)) {
      yield { kind: 'checksum', detail: `the payload of delivery ${id} is not what was accepted` };
    }
  }
  for (const key of new Set([...tallies.keys(), ...state.tallies.keys()])) {
    const [counted, noted] = [tallies.get(key) ?? 0, state.tallies.get(key) ?? 0];
    if (counted !== noted) yield { kind: 'tally', detail: `${key}: ${counted} deliveries, ${noted} are noted` };
  }
  for (const { userId, eventName, count, pruned } of state.points.values()) {
    const events = [...state.events.values()].map(({ event }) => event);
    const stored = events.filter((event) => event.userId === userId && event.eventName === eventName).length;
    if (count !== stored + pruned) yield { kind: 'points', detail: `user ${userId}, ${eventName}: counted ${count}` };
  }
}

function viewDelivery(delivery: StoredDelivery, { event }: StoredEvent): DeliveryView {
  return {
    deliveryId: delivery.id,
    eventId: event.eventId,
    clientId: event.clientId,
    eventName: event.eventName,
    eventTimeSeconds: event.eventTimeSeconds,
    destination: delivery.destination,
    status: delivery.status,
    attempts: delivery.attempts,
    nextAttemptAt: delivery.dueAt,
    lastError: delivery.lastError,
    lastHttpStatus: delivery.lastHttpStatus,
    deadReason: delivery.deadReason,
    createdAt: event.acceptedAt,
    deliveredAt: delivery.deliveredAt,
    firstTakenAt: firstTakenAt(delivery),
    payload: delivery.payload,
  };
}

function firstTakenAt({ records }: StoredDelivery): number | null {
  const taken = records.filter(
    ({ outcome, possibleDuplicate }) => outcome === 'delivered' || possibleDuplicate !== null,
  );
  return taken.length === 0 ? null : Math.min(...taken.map(({ startedAt }) => startedAt));
}

function matchesEvent({ event, status, deliveries }: EventView, query: EventQuery): boolean {
  return (
    (query.clientId === null || event.clientId === query.clientId) &&
    (query.userId === undefined || event.userId === query.userId) &&
    (query.eventName === undefined || event.eventName === query.eventName) &&
    (query.status === undefined || status === query.status) &&
    (query.destination === undefined || deliveries.some(({ destination }) => destination === query.destination)) &&
    event.eventTimeSeconds >= (query.fromSeconds ?? -Infinity) &&
    event.eventTimeSeconds <= (query.toSeconds ?? Infinity)
  );
}

function matchesDelivery(view: DeliveryView, query: DeliveryQuery): boolean {
  return (
    (query.status === undefined || view.status === query.status) &&
    (query.destination === undefined || view.destination === query.destination) &&
    (query.eventName === undefined || view.eventName === query.eventName) &&
    (query.clientId === undefined || view.clientId === query.clientId) &&
    (query.eventId === undefined || view.eventId === query.eventId) &&
    (query.deadReason === undefined || view.deadReason === query.deadReason) &&
    (query.httpStatus === undefined || view.lastHttpStatus === query.httpStatus) &&
    (query.error === undefined || view.lastError === query.error) &&
    view.createdAt >= (query.from ?? -Infinity) &&
    view.createdAt <= (query.to ?? Infinity)
  );
}

function cutPage<T>(kind: CursorKind, found: readonly [number, T][], limit: number): Page<T> {
  const last = found[limit - 1];
  return {
    data: found.slice(0, limit).map(([, view]) => view),
    nextCursor: found.length > limit && last !== undefined ? encodeCursor(kind, last[0]) : null,
  };
}
