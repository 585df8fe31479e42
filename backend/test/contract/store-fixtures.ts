import { createHash } from 'node:crypto';
import type { ClaimResult, EventStore, NewEvent, Settlement } from '../../src/interfaces/event-store';
import type { AttemptRecord, ClaimedDelivery, DeadReason } from '../../src/types/delivery';
import type { AcceptedEvent } from '../../src/types/event';

/** Opens an empty store. What it took from the machine is given back by the test file, after each test. */
export type OpenStore = (options?: {
  readonly attemptLimit?: number;
  readonly actionsMax?: number;
}) => Promise<EventStore>;

/** Events, settlements and small walks through a store, with every field that a test does not name filled in. */

export const ROOMY = { backlogMax: 1_000_000 };
export const LEASE_MS = 60_000;

export function sha256(bytes: Buffer | string): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** A UUID that a person can recognise in a failure. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export interface EventFixture extends Partial<AcceptedEvent> {
  /** Destinations of its deliveries. */
  readonly to?: readonly string[];
  readonly dueAt?: number;
  /** Stands for all its canonical fields. */
  readonly content?: string;
}

export function makeEvent({ to = ['ads'], dueAt = 0, content = 'same', ...fields }: EventFixture = {}): NewEvent {
  const event: AcceptedEvent = {
    eventId: uuid(1),
    clientId: 'client-a',
    userId: 'user-1',
    eventName: 'purchase',
    eventTimeSeconds: 1_700_000_000,
    valueCents: 101,
    currency: 'EUR',
    campaignId: 'spring',
    clickId: null,
    properties: '{"size":"L","nested":{"list":[1,null,true,1E5]}}',
    deliverAt: null,
    acceptedAt: 1_700_000_000_500,
    ...fields,
  };
  const deliveries = to.map((destination) => {
    const payload = Buffer.from(JSON.stringify({ id: event.eventId, destination }));
    return { destination, payload, checksum: sha256(payload), dueAt };
  });
  return { event, fingerprint: sha256(content), deliveries, requestId: 'request-1' };
}

export function makeEvents(count: number, fieldsOf: (number: number) => EventFixture = () => ({})): NewEvent[] {
  return Array.from({ length: count }, (_, index) => makeEvent({ eventId: uuid(index + 1), ...fieldsOf(index + 1) }));
}

export async function acceptKinds(store: EventStore, events: readonly NewEvent[], backlogMax = ROOMY.backlogMax) {
  return (await store.accept(events, { backlogMax })).map(({ kind }) => kind);
}

export function claim(store: EventStore, { now = 0, limit = 100, destination = 'ads', leaseMs = LEASE_MS } = {}) {
  return store.claimDue({ destination, limit, now, leaseMs });
}

export function idsOf({ claimed }: ClaimResult): string[] {
  return claimed.map(({ eventId }) => eventId);
}

/** The one delivery that is due. */
export async function claimOne(store: EventStore, now = 0, destination = 'ads'): Promise<ClaimedDelivery> {
  const { claimed } = await claim(store, { now, destination });
  const [delivery] = claimed;
  if (delivery === undefined || claimed.length > 1) throw new Error(`${claimed.length} deliveries were due, not one`);
  return delivery;
}

export function makeRecord(fields: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    number: 1,
    startedAt: 10,
    durationMs: 5,
    outcome: 'retryable',
    httpStatus: 503,
    error: 'http_503',
    excerpt: 'Service Unavailable',
    possibleDuplicate: null,
    ...fields,
  };
}

type Claimed = Pick<ClaimedDelivery, 'deliveryId' | 'attempt'>;

export function delivered({ deliveryId, attempt }: Claimed, at = 20): Settlement {
  const record = makeRecord({ number: attempt, outcome: 'delivered', httpStatus: 202, error: null, excerpt: null });
  return { deliveryId, attempt, at, record, next: { status: 'delivered' } };
}

interface RetryFixture {
  readonly dueAt?: number;
  readonly retryUntil?: number | null;
  readonly burnsAttempt?: boolean;
  readonly at?: number;
}

export function retryable(
  { deliveryId, attempt }: Claimed,
  { dueAt = 0, retryUntil = 90_000, burnsAttempt = true, at = 20 }: RetryFixture = {},
): Settlement {
  const record = makeRecord({ number: attempt, outcome: burnsAttempt ? 'retryable' : 'held' });
  return { deliveryId, attempt, at, record, next: { status: 'pending', dueAt, retryUntil, burnsAttempt } };
}

export function rejected({ deliveryId, attempt }: Claimed, reason: DeadReason = 'rejected', at = 20): Settlement {
  const record = makeRecord({ number: attempt, outcome: 'rejected', httpStatus: 400, error: 'http_400' });
  return { deliveryId, attempt, at, record, next: { status: 'dead', reason } };
}

/** Back to pending because nothing was sent. */
export function passedOver({ deliveryId, attempt }: Claimed, dueAt = 0): Settlement {
  const next = { status: 'pending', dueAt, retryUntil: null, burnsAttempt: false } as const;
  return { deliveryId, attempt, at: 20, record: null, next };
}

/** One event whose delivery is in the given state; returns its delivery's id. */
export async function makeDelivery(
  store: EventStore,
  status: 'pending' | 'delivering' | 'delivered' | 'dead' | 'discarded',
): Promise<number> {
  await store.accept([makeEvent()], ROOMY);
  if (status === 'pending') return onlyDeliveryId(store);
  const taken = await claimOne(store);
  if (status === 'delivered') await store.settle([delivered(taken)]);
  if (status === 'dead' || status === 'discarded') await store.settle([rejected(taken)]);
  if (status === 'discarded') {
    const deliveryIds = [taken.deliveryId];
    await store.discard({ deliveryIds, at: 30, from: ['dead'], actor: 'operator', reason: 'test event' });
  }
  return taken.deliveryId;
}

async function onlyDeliveryId(store: EventStore): Promise<number> {
  const { data } = await store.listDeliveries({ limit: 2 });
  const [delivery] = data;
  if (delivery === undefined || data.length > 1) throw new Error('the store holds more or less than one delivery');
  return delivery.deliveryId;
}

/** All pages, one after the other. Fails when a page is too long or the cursor does not move on. */
export async function allPages<T>(
  read: (cursor?: string) => Promise<{ data: readonly T[]; nextCursor: string | null }>,
  limit: number,
): Promise<T[]> {
  const rows: T[] = [];
  const seen = new Set<string>();
  for (let cursor: string | undefined; ;) {
    const { data, nextCursor } = await read(cursor);
    if (data.length > limit) throw new Error(`a page holds ${data.length} rows, more than ${limit}`);
    rows.push(...data);
    if (nextCursor === null) return rows;
    if (seen.has(nextCursor)) throw new Error(`the cursor ${nextCursor} leads back to itself`);
    seen.add(nextCursor);
    cursor = nextCursor;
  }
}

export async function faultsOf(store: EventStore) {
  const faults = [];
  for await (const fault of store.verify()) faults.push(fault);
  return faults;
}
