import type { ClockMark, NewEvent, Settlement } from '../interfaces/event-store';
import type { AttemptRecord, DeadReason, Hold, OperatorAction, PossibleDuplicateCount } from '../types/delivery';
import type { AcceptedEvent, DeliveryStatus } from '../types/event';
import { MAX_DELIVERIES_PER_EVENT } from './event-store-rules';

/** All that a MemoryEventStore knows, as plain data, and the few ways in which it changes. */

export interface StoredEvent {
  readonly row: number;
  readonly event: AcceptedEvent;
  readonly fingerprint: Buffer;
  readonly requestId: string | null;
  readonly deliveryIds: readonly number[];
}

/** Never changed in place: a change replaces it, so that a copy of the state may share it. */
export interface StoredDelivery {
  readonly id: number;
  readonly row: number;
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly dueAt: number | null;
  readonly claimedAt: number | null;
  readonly attempts: number;
  readonly attemptLimit: number;
  readonly tries: number;
  readonly retryUntil: number | null;
  readonly isReplay: boolean;
  readonly deliveredAt: number | null;
  readonly deadReason: DeadReason | null;
  readonly lastError: string | null;
  readonly lastHttpStatus: number | null;
  readonly records: readonly AttemptRecord[];
  readonly payload: Buffer;
  readonly checksum: Buffer;
}

export interface StoredPoints {
  readonly userId: string;
  readonly eventName: string;
  readonly count: number;
  /** How many of `count` are of events that were pruned. */
  readonly pruned: number;
}

export interface MemoryStoreState {
  lastRow: number;
  /** By row, in the order of acceptance. */
  readonly events: Map<number, StoredEvent>;
  readonly rowsByKey: Map<string, number>;
  readonly deliveries: Map<number, StoredDelivery>;
  readonly openIds: Set<number>;
  /** How many deliveries stand in a status, by `tallyKey`. */
  readonly tallies: Map<string, number>;
  readonly points: Map<string, StoredPoints>;
  readonly holds: Map<string, Hold>;
  /** By destination, of the holds that have ended. */
  readonly heldMs: Map<string, number>;
  readonly actions: OperatorAction[];
  clockMark: ClockMark | null;
  /** By destination and reason. */
  readonly possibleDuplicates: Map<string, PossibleDuplicateCount>;
  probes: number;
}

export function emptyState(): MemoryStoreState {
  return {
    lastRow: 0,
    events: new Map(),
    rowsByKey: new Map(),
    deliveries: new Map(),
    openIds: new Set(),
    tallies: new Map(),
    points: new Map(),
    holds: new Map(),
    heldMs: new Map(),
    actions: [],
    clockMark: null,
    possibleDuplicates: new Map(),
    probes: 0,
  };
}

/** A state that later changes of `state` do not touch. What is inside the maps is never changed in place and is shared. */
export function copyState(state: MemoryStoreState): MemoryStoreState {
  return {
    ...state,
    events: new Map(state.events),
    rowsByKey: new Map(state.rowsByKey),
    deliveries: new Map(state.deliveries),
    openIds: new Set(state.openIds),
    tallies: new Map(state.tallies),
    points: new Map(state.points),
    holds: new Map(state.holds),
    heldMs: new Map(state.heldMs),
    actions: [...state.actions],
    possibleDuplicates: new Map(state.possibleDuplicates),
  };
}

export function eventKeyOf(eventId: string, clientId: string): string {
  return JSON.stringify([eventId, clientId]);
}

export function tallyKeyOf(destination: string, status: DeliveryStatus): string {
  return JSON.stringify([destination, status]);
}

export function insertEvent(state: MemoryStoreState, newEvent: NewEvent, attemptLimit: number): void {
  const { event, fingerprint, deliveries, requestId } = newEvent;
  state.lastRow += 1;
  const row = state.lastRow;
  const deliveryIds = deliveries.map((_delivery, place) => row * MAX_DELIVERIES_PER_EVENT + place);
  state.events.set(row, { row, event, fingerprint, deliveryIds, requestId });
  state.rowsByKey.set(eventKeyOf(event.eventId, event.clientId), row);
  addPoints(state, event, 1, 0);
  deliveries.forEach(({ destination, dueAt, payload, checksum }, place) => {
    const id = row * MAX_DELIVERIES_PER_EVENT + place;
    const start = { attempts: 0, attemptLimit, tries: 0, retryUntil: null, isReplay: false, records: [] };
    const last = { lastError: null, lastHttpStatus: null, deliveredAt: null, deadReason: null, claimedAt: null };
    state.deliveries.set(id, { id, row, destination, status: 'pending', dueAt, ...start, ...last, payload, checksum });
    state.openIds.add(id);
    addToTally(state, destination, 'pending', 1);
  });
}

export function changeDelivery(
  state: MemoryStoreState,
  delivery: StoredDelivery,
  change: Partial<StoredDelivery>,
): void {
  const changed = { ...delivery, ...change };
  state.deliveries.set(delivery.id, changed);
  addToTally(state, delivery.destination, delivery.status, -1);
  addToTally(state, changed.destination, changed.status, 1);
  if (changed.dueAt === null) state.openIds.delete(delivery.id);
  else state.openIds.add(delivery.id);
  const { destination } = delivery;
  for (const { possibleDuplicate: reason } of changed.records.slice(delivery.records.length)) {
    if (reason === null) continue;
    const key = JSON.stringify([destination, reason]);
    const count = (state.possibleDuplicates.get(key)?.count ?? 0) + 1;
    state.possibleDuplicates.set(key, { destination, reason, count });
  }
}

export function addHeld({ heldMs }: MemoryStoreState, destination: string, ms: number): void {
  heldMs.set(destination, (heldMs.get(destination) ?? 0) + ms);
}

/** The oldest make room. */
export function addAction({ actions }: MemoryStoreState, action: OperatorAction, actionsMax: number): void {
  actions.push(action);
  actions.splice(0, actions.length - actionsMax);
}

/** The event goes with its deliveries; what it counted for its user stays. */
export function removeEvent(state: MemoryStoreState, { row, event, deliveryIds }: StoredEvent): void {
  for (const id of deliveryIds) {
    const delivery = state.deliveries.get(id);
    if (delivery !== undefined) addToTally(state, delivery.destination, delivery.status, -1);
    state.deliveries.delete(id);
    state.openIds.delete(id);
  }
  state.events.delete(row);
  state.rowsByKey.delete(eventKeyOf(event.eventId, event.clientId));
  addPoints(state, event, 0, 1);
}

function addToTally(state: MemoryStoreState, destination: string, status: DeliveryStatus, delta: number): void {
  const key = tallyKeyOf(destination, status);
  state.tallies.set(key, (state.tallies.get(key) ?? 0) + delta);
}

function addPoints(state: MemoryStoreState, event: AcceptedEvent, count: number, pruned: number): void {
  const { userId, eventName } = event;
  const key = JSON.stringify([userId, eventName]);
  const known = state.points.get(key) ?? { userId, eventName, count: 0, pruned: 0 };
  state.points.set(key, { ...known, count: known.count + count, pruned: known.pruned + pruned });
}

/** Whoever held it never said how its attempt ended. */
export function withLostAttempt(delivery: StoredDelivery): Partial<StoredDelivery> {
  const startedAt = delivery.claimedAt ?? 0;
  const record: AttemptRecord = {
    number: delivery.attempts,
    startedAt,
    durationMs: (delivery.dueAt ?? 0) - startedAt,
    outcome: 'retryable',
    httpStatus: null,
    error: 'lease_expired',
    excerpt: null,
    possibleDuplicate: 'lease_expired',
  };
  return { records: [...delivery.records, record], lastError: record.error };
}

/** What a settlement that passed its fence changes. */
export function afterSettlement(
  delivery: StoredDelivery,
  { attempt, at, record, next }: Settlement,
): Partial<StoredDelivery> {
  const ended = { status: next.status, claimedAt: null, dueAt: null, retryUntil: null };
  const tries = record === null ? delivery.tries - 1 : delivery.tries;
  const recorded =
    record === null
      ? { tries }
      : {
          tries,
          records: [...delivery.records, { ...record, number: attempt }],
          lastError: record.error,
          lastHttpStatus: record.httpStatus,
        };
  switch (next.status) {
    case 'delivered':
      return { ...recorded, ...ended, deliveredAt: at };
    case 'dead':
      return { ...recorded, ...ended, deadReason: next.reason };
    case 'pending': {
      const { dueAt, retryUntil, burnsAttempt } = next;
      const raised = burnsAttempt
        ? {}
        : { attemptLimit: delivery.attemptLimit + 1, tries: record === null ? tries : 0 };
      return { ...recorded, ...ended, dueAt, retryUntil, ...raised };
    }
  }
}
