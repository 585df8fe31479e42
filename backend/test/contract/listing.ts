/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import fc from 'fast-check';
import type { DeliveryQuery, EventQuery, EventStore, NewEvent } from '../../src/interfaces/event-store';
import type { DeliveryView, EventView } from '../../src/types/delivery';
import { propertyRuns, propertyTimeoutMs } from '../support/property-runs';
import {
  allPages,
  claim,
  delivered,
  type EventFixture,
  makeEvent,
  makeEvents,
  passedOver,
  rejected,
  ROOMY,
  uuid,
  type OpenStore,
} from './store-fixtures';

const USERS = ['u1', 'u2', 'u3'];
const NAMES = ['purchase', 'lead', 'login'];
const CLIENTS = ['client-a', 'client-b'];
const DESTINATIONS = [[], ['ads'], ['crm'], ['ads', 'crm'], ['crm', 'ads', 'web']];
const SECONDS = [0, 3599, 3600, 3601, 7200, 900_000, 1_700_000_000];
const ACCEPTED_AT = [0, 3_599_999, 3_600_000, 7_200_000, 1_700_000_000_000];

export function describeListing(open: OpenStore): void {
  it('shows the newest accepted first, whatever the times in the events say', async () => {
    const store = await open();
    await store.accept(
      makeEvents(5, (number) => ({ eventTimeSeconds: 50 - number * 10, acceptedAt: 100 - number })),
      ROOMY,
    );
    const { data, nextCursor } = await store.list({ clientId: null, limit: 10 });
    expect(data.map(({ event }) => event.eventId)).toEqual([5, 4, 3, 2, 1].map(uuid));
    expect(nextCursor).toBeNull();
    const deliveries = await store.listDeliveries({ limit: 10 });
    expect(deliveries.data.map(({ eventId }) => eventId)).toEqual([5, 4, 3, 2, 1].map(uuid));
  });

  it('shows an event in a list as it shows it alone', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    await store.settle((await claim(store)).claimed.map((one) => delivered(one)));
    const view = await store.find({ eventId: uuid(1), clientId: 'client-a' });
    expect((await store.list({ clientId: 'client-a', limit: 1 })).data).toEqual([view]);
    expect((await store.listDeliveries({ limit: 5 })).data).toEqual(view?.deliveries.toReversed());
  });

  it('ends on the last page, also when that is full', async () => {
    const store = await open();
    await store.accept(makeEvents(4), ROOMY);
    const first = await store.list({ clientId: null, limit: 2 });
    const second = await store.list({ clientId: null, limit: 2, cursor: first.nextCursor ?? '' });
    expect([first, second].map(({ data }) => data.map(({ event }) => event.eventId))).toEqual([
      [uuid(4), uuid(3)],
      [uuid(2), uuid(1)],
    ]);
    expect(second.nextCursor).toBeNull();
    expect(await store.list({ clientId: 'nobody', limit: 2 })).toEqual({ data: [], nextCursor: null });
  });

  it('goes on where a page ended, though events were accepted and pruned in between', async () => {
    const store = await open();
    await store.accept(
      makeEvents(6, () => ({ to: [] })),
      ROOMY,
    );
    const first = await store.list({ clientId: null, limit: 2 });
    await store.accept([makeEvent({ eventId: uuid(7), acceptedAt: 9e12 })], ROOMY);
    await store.prune({ acceptedBefore: 2e12, limit: 3 });
    const second = await store.list({ clientId: null, limit: 2, cursor: first.nextCursor ?? '' });
    expect(second.data.map(({ event }) => event.eventId)).toEqual([uuid(4)]);
    expect(second.nextCursor).toBeNull();
  });

  it('never gives a row number out again, so that an old cursor means what it meant', async () => {
    const store = await open();
    await store.accept(
      makeEvents(2, () => ({ to: [] })),
      ROOMY,
    );
    const { nextCursor } = await store.list({ clientId: null, limit: 1 });
    await store.prune({ acceptedBefore: 2e12, limit: 10 });
    await store.accept([makeEvent({ eventId: uuid(3) })], ROOMY);
    expect((await store.list({ clientId: null, limit: 5, cursor: nextCursor ?? '' })).data).toEqual([]);
  });

  it.each(['', 'x', 'ZXZlbnQ6MQ==', Buffer.from('event:1e3').toString('base64url'), '../../etc', 'é'.repeat(5000)])(
    'refuses a cursor that it did not make: %s',
    async (cursor) => {
      const store = await open();
      const refusal = { code: 'validation_failed', errors: [{ pointer: '/cursor' }] };
      await expect(store.list({ clientId: null, limit: 5, cursor })).rejects.toMatchObject(refusal);
      await expect(store.listDeliveries({ limit: 5, cursor })).rejects.toMatchObject(refusal);
    },
  );

  it('derives the status of an event from all its deliveries, in views and as a filter', async () => {
    const store = await open();
    const states = ['pending', 'delivering', 'delivered', 'dead', 'discarded'] as const;
    const pairs = states.flatMap((ads) => states.map((crm) => [ads, crm] as const));
    await store.accept(
      makeEvents(pairs.length, (number) => ({ to: pairs[number - 1]?.map((_state, place) => `d${place}`) ?? [] })),
      ROOMY,
    );
    for (const place of [0, 1]) {
      await settleAs(store, `d${place}`, (eventId) => pairs[Number(eventId.slice(-12)) - 1]?.[place] ?? 'pending');
    }
    const statusOf = (pair: readonly string[]) => {
      if (pair.includes('dead')) return 'dead';
      if (pair.includes('pending') || pair.includes('delivering')) return 'pending';
      return pair.includes('delivered') ? 'delivered' : 'discarded';
    };
    const expected = new Map(pairs.map((pair, index) => [uuid(index + 1), statusOf(pair)]));
    for (const status of ['stored', 'pending', 'delivered', 'dead', 'discarded'] as const) {
      const query = { clientId: null, status, limit: 100 };
      const data = await allPages((cursor) => store.list({ ...query, ...(cursor && { cursor }) }), 100);
      expect(data.every((view) => view.status === status)).toBe(true);
      const ids = [...expected].filter(([, other]) => other === status).map(([id]) => id);
      expect(data.map(({ event }) => event.eventId)).toEqual(ids.reverse());
    }
    const [repeat] = await store.accept([makeEvent({ eventId: uuid(25), to: ['d0', 'd1'] })], ROOMY);
    expect(repeat).toMatchObject({ kind: 'duplicate', status: 'discarded' });
  });

  it("refuses the other list's cursor", async () => {
    const store = await open();
    await store.accept(makeEvents(2), ROOMY);
    const events = await store.list({ clientId: null, limit: 1 });
    const deliveries = await store.listDeliveries({ limit: 1 });
    const refusal = { code: 'validation_failed' };
    await expect(store.listDeliveries({ limit: 1, cursor: events.nextCursor ?? '' })).rejects.toMatchObject(refusal);
    const crossed = store.list({ clientId: null, limit: 1, cursor: deliveries.nextCursor ?? '' });
    await expect(crossed).rejects.toMatchObject(refusal);
  });

  it(
    'finds what a plain filter finds, for any filters together and any page size',
    async () => {
      const store = await open();
      const { events, deliveries } = await fillAtRandom(store);
      const users = new Map(events.map(({ event }) => [`${event.clientId} ${event.eventId}`, event.userId]));
      const userOf = ({ clientId, eventId }: DeliveryView) => users.get(`${clientId} ${eventId}`);
      await fc.assert(
        fc.asyncProperty(eventQuery(), async (query) => {
          const found = await allPages((cursor) => store.list({ ...query, ...(cursor && { cursor }) }), query.limit);
          expect(found.map(({ event }) => event)).toEqual(events.filter(matchesEvent(query)).map(({ event }) => event));
        }),
        { numRuns: propertyRuns(400) },
      );
      await fc.assert(
        fc.asyncProperty(deliveryQuery(), async (query) => {
          const read = (cursor?: string) => store.listDeliveries({ ...query, ...(cursor && { cursor }) });
          expect(await allPages(read, query.limit)).toEqual(deliveries.filter(matchesDelivery(query, userOf)));
        }),
        { numRuns: propertyRuns(400) },
      );
    },
    propertyTimeoutMs,
  );
}

/** 240 events in every state; the same on each run. Returns what is stored, newest first. */
async function fillAtRandom(store: EventStore): Promise<{ events: EventView[]; deliveries: DeliveryView[] }> {
  const [fixtures = []] = fc.sample(fc.array(eventFixture(), { minLength: 240, maxLength: 240 }), {
    numRuns: 1,
    seed: 7,
  });
  const newEvents = fixtures.map((fixture, index) => makeEvent({ ...fixture, eventId: uuid(Math.floor(index / 2)) }));
  const distinct = newEvents.filter(
    ({ event }, index) =>
      newEvents.findIndex(
        (other) => other.event.eventId === event.eventId && other.event.clientId === event.clientId,
      ) === index,
  );
  await store.accept(distinct, ROOMY);
  for (const destination of ['ads', 'crm', 'web']) await settleSome(store, destination);
  return readBack(store, distinct);
}

/** Brings each pending delivery of a destination into the state that is wanted for its event. */
async function settleAs(store: EventStore, destination: string, wanted: (eventId: string) => string): Promise<void> {
  const { claimed } = await claim(store, { destination });
  const of = (...states: string[]) => claimed.filter(({ eventId }) => states.includes(wanted(eventId)));
  await store.settle([
    ...of('pending').map((one) => passedOver(one, 1)),
    ...of('delivered').map((one) => delivered(one)),
    ...of('dead', 'discarded').map((one) => rejected(one)),
  ]);
  const deliveryIds = of('discarded').map(({ deliveryId }) => deliveryId);
  await store.discard({ deliveryIds, at: 1, from: ['dead'], actor: 'operator', reason: 'test' });
}

/** Leaves the deliveries of a destination in all five states. */
async function settleSome(store: EventStore, destination: string): Promise<void> {
  const { claimed } = await claim(store, { destination, limit: 60, now: 1 });
  const settlements = claimed.flatMap((one, index) => {
    if (index % 4 === 0) return [delivered(one)];
    if (index % 4 === 1) return [rejected(one, index % 8 === 1 ? 'rejected' : 'retries_exhausted')];
    return index % 4 === 2 ? [rejected(one)] : [];
  });
  await store.settle(settlements);
  const deliveryIds = claimed.filter((_, index) => index % 4 === 2).map(({ deliveryId }) => deliveryId);
  await store.discard({ deliveryIds, at: 1, from: ['dead'], actor: 'operator', reason: 'test' });
}

async function readBack(store: EventStore, accepted: readonly NewEvent[]) {
  const views = await Promise.all(accepted.map(({ event }) => store.find(event)));
  const events = views.flatMap((view) => view ?? []).reverse();
  expect(events).toHaveLength(accepted.length);
  return { events, deliveries: events.flatMap(({ deliveries }) => deliveries.toReversed()) };
}

function eventFixture(): fc.Arbitrary<EventFixture> {
  return fc.record({
    clientId: fc.constantFrom(...CLIENTS),
    userId: fc.constantFrom(...USERS),
    eventName: fc.constantFrom(...NAMES),
    eventTimeSeconds: fc.constantFrom(...SECONDS),
    acceptedAt: fc.constantFrom(...ACCEPTED_AT),
    to: fc.constantFrom(...DESTINATIONS),
  });
}

const page = { limit: fc.integer({ min: 1, max: 60 }) };
const sometimes = <T>(values: readonly T[], ...others: T[]): fc.Arbitrary<T> => fc.constantFrom(...values, ...others);

function eventQuery(): fc.Arbitrary<EventQuery> {
  return fc.record(
    {
      clientId: sometimes<string | null>(CLIENTS, null, 'nobody'),
      ...page,
      userId: sometimes(USERS, 'nobody'),
      eventName: sometimes(NAMES, 'unknown'),
      status: sometimes(['stored', 'pending', 'delivered', 'dead', 'discarded'] as const),
      destination: sometimes(['ads', 'crm', 'web'], 'none'),
      fromSeconds: sometimes(SECONDS, 1, -1, 3e9),
      toSeconds: sometimes(SECONDS, 1, -1, 3e9),
    },
    { requiredKeys: ['clientId', 'limit'] },
  );
}

function deliveryQuery(): fc.Arbitrary<DeliveryQuery> {
  return fc.record(
    {
      ...page,
      status: sometimes(['pending', 'delivering', 'delivered', 'dead', 'discarded'] as const),
      destination: sometimes(['ads', 'crm', 'web'], 'none'),
      eventName: sometimes(NAMES, 'unknown'),
      clientId: sometimes(CLIENTS, 'nobody'),
      eventId: sometimes([uuid(0), uuid(7), uuid(50)], uuid(9999)),
      deadReason: sometimes(['rejected', 'retries_exhausted', 'payload_corrupt', 'discarded'] as const),
      userId: sometimes(USERS, 'nobody'),
      httpStatus: sometimes([202, 400], 503),
      error: sometimes(['http_400'], 'http_503'),
      from: sometimes(ACCEPTED_AT, 1, -1, 3e12),
      to: sometimes(ACCEPTED_AT, 1, -1, 3e12),
    },
    { requiredKeys: ['limit'] },
  );
}

/** The plain filter: no more than the words of the port. */
function matchesEvent(query: EventQuery) {
  return ({ event, status, deliveries }: EventView): boolean =>
    [
      query.clientId === null || query.clientId === event.clientId,
      query.userId === undefined || query.userId === event.userId,
      query.eventName === undefined || query.eventName === event.eventName,
      query.status === undefined || query.status === status,
      query.destination === undefined || deliveries.some((delivery) => delivery.destination === query.destination),
      query.fromSeconds === undefined || query.fromSeconds <= event.eventTimeSeconds,
      query.toSeconds === undefined || query.toSeconds >= event.eventTimeSeconds,
    ].every(Boolean);
}

function matchesDelivery(query: DeliveryQuery, userOf: (view: DeliveryView) => string | undefined) {
  const { limit: _limit, from, to, userId, httpStatus, error, ...equal } = query;
  return (view: DeliveryView): boolean =>
    (from === undefined || from <= view.createdAt) &&
    (to === undefined || to >= view.createdAt) &&
    (userId === undefined || userId === userOf(view)) &&
    (httpStatus === undefined || httpStatus === view.lastHttpStatus) &&
    (error === undefined || error === view.lastError) &&
    Object.entries(equal).every(([field, value]) => view[field as keyof DeliveryView] === value);
}
