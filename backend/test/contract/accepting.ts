/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import { type EventStore, StoreUnavailableError } from '../../src/interfaces/event-store';
import {
  acceptKinds,
  claim,
  claimOne,
  delivered,
  type EventFixture,
  makeEvent,
  makeEvents,
  rejected,
  ROOMY,
  uuid,
  type OpenStore,
} from './store-fixtures';

const FULL_EVENT = {
  clickId: 'click-9',
  deliverAt: 1_700_000_600_000,
  properties: '{"__proto__":{"a":1},"constructor":"x","text":"nul\\u0000 and \\ud800","1":[1e400,-0]}',
};
const SPARE_EVENT = { valueCents: null, currency: null, campaignId: null, clickId: null, properties: null };

export function describeAccepting(open: OpenStore): void {
  describe('what is stored', () => {
    describeStored(open);
  });
  describe('repeats', () => {
    describeRepeats(open);
  });
  describe('the backlog limit', () => {
    describeBacklog(open);
  });
  describe('the time to commit by', () => {
    it('refuses the whole call once it has passed, and commits until then', async () => {
      const store = await open();
      const late = store.accept([makeEvent()], { ...ROOMY, commitBy: 1_700_000_000_000 });
      await expect(late).rejects.toBeInstanceOf(StoreUnavailableError);
      await expect(late).rejects.toThrow('too late');
      expect(await store.find({ eventId: uuid(1), clientId: null })).toBeNull();
      expect(await store.points('user-1')).toEqual([]);
      const [result] = await store.accept([makeEvent()], { ...ROOMY, commitBy: 253_402_300_799_000 });
      expect(result?.kind).toBe('inserted');
    });
  });
  describe('what cannot be stored', () => {
    describeUnstorable(open);
  });
}

function describeStored(open: OpenStore): void {
  it.each<[string, EventFixture]>([
    ['every field', FULL_EVENT],
    ['the least fields', SPARE_EVENT],
    ['text of other scripts and quotes', { userId: `Ω"';--\u202e🙂`, campaignId: '\\%_\n', clientId: "o'brien" }],
    ['the greatest numbers', { valueCents: 100_000_000_000, eventTimeSeconds: Number.MAX_SAFE_INTEGER }],
    ['times before 1970 and at 0', { eventTimeSeconds: -5, acceptedAt: 0 }],
  ])('gives an event back as it was accepted: %s', async (_title, fields) => {
    const store = await open();
    const newEvent = makeEvent(fields);
    const [result] = await store.accept([newEvent], ROOMY);
    expect(result).toEqual({
      kind: 'inserted',
      status: 'pending',
      deliveries: [{ destination: 'ads', status: 'pending' }],
    });
    const view = await store.find(newEvent.event);
    expect(view?.event).toEqual(newEvent.event);
  });

  it('stores each delivery with its own payload and due date', async () => {
    const store = await open();
    const newEvent = makeEvent({ to: ['ads', 'crm'], dueAt: 77 });
    await store.accept([newEvent], ROOMY);
    const view = await store.find(newEvent.event);
    expect(view?.deliveries).toMatchObject(
      newEvent.deliveries.map(({ destination, payload }) => ({
        eventId: uuid(1),
        clientId: 'client-a',
        eventName: 'purchase',
        eventTimeSeconds: 1_700_000_000,
        destination,
        status: 'pending',
        attempts: 0,
        nextAttemptAt: 77,
        lastError: null,
        lastHttpStatus: null,
        deadReason: null,
        createdAt: newEvent.event.acceptedAt,
        deliveredAt: null,
        payload,
      })),
    );
    expect(Buffer.isBuffer(view?.deliveries[0]?.payload)).toBe(true);
  });

  it('stores an event that no destination wants', async () => {
    const store = await open();
    expect(await store.accept([makeEvent({ to: [] })], ROOMY)).toEqual([
      { kind: 'inserted', status: 'stored', deliveries: [] },
    ]);
    expect((await store.find(makeEvent().event))?.status).toBe('stored');
  });

  it('takes hundreds in one call, answers in their order and counts each', async () => {
    const store = await open();
    const events = makeEvents(500, (number) => ({ to: number % 2 ? ['ads'] : ['ads', 'crm'] }));
    const results = await store.accept(events, ROOMY);
    expect(results.map((result) => 'deliveries' in result && result.deliveries.length)).toEqual(
      events.map(({ deliveries }) => deliveries.length),
    );
    expect(await store.countByStatus()).toEqual([
      { destination: 'ads', status: 'pending', count: 500 },
      { destination: 'crm', status: 'pending', count: 250 },
    ]);
    expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 500 }]);
  });

  it('does nothing when there is nothing to accept', async () => {
    const store = await open();
    expect(await store.accept([], ROOMY)).toEqual([]);
  });

  it('counts points by user and event name', async () => {
    const store = await open();
    const names = ['login', 'purchase', 'login'];
    await store.accept(
      [
        ...makeEvents(3, (number) => ({ eventName: names[number - 1] ?? '' })),
        makeEvent({ eventId: uuid(4), userId: 'user-2' }),
      ],
      ROOMY,
    );
    expect(await store.points('user-1')).toEqual([
      { eventName: 'login', count: 2 },
      { eventName: 'purchase', count: 1 },
    ]);
    expect(await store.points('user-2')).toEqual([{ eventName: 'purchase', count: 1 }]);
    expect(await store.points('nobody')).toEqual([]);
  });
}

function describeRepeats(open: OpenStore): void {
  it('answers the same id and content with how the event stands now', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    await store.settle([delivered(await claimOne(store))]);
    const standings = [
      { destination: 'ads', status: 'delivered' },
      { destination: 'crm', status: 'pending' },
    ];
    // What it wants now does not matter: the first acceptance decided.
    expect(await store.accept([makeEvent({ to: ['other'] })], ROOMY)).toEqual([
      { kind: 'duplicate', status: 'pending', deliveries: standings },
    ]);
    await store.settle([rejected(await claimOne(store, 0, 'crm'))]);
    expect(await store.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'duplicate', status: 'dead' }]);
    await expectOneEvent(store);
  });

  it('answers the same id with other content by the event that is stored', async () => {
    const store = await open();
    const first = makeEvent();
    await store.accept([first], ROOMY);
    const other = makeEvent({ content: 'other', userId: 'user-2' });
    expect(await store.accept([other], ROOMY)).toEqual([{ kind: 'conflict', stored: first.event }]);
    expect(await store.points('user-2')).toEqual([]);
    await expectOneEvent(store);
  });

  it('makes one event of two with the same id in one call', async () => {
    const store = await open();
    const events = [makeEvent(), makeEvent(), makeEvent({ content: 'other' }), makeEvent({ eventId: uuid(2) })];
    expect(await acceptKinds(store, events)).toEqual(['inserted', 'duplicate', 'conflict', 'inserted']);
    expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 2 }]);
  });

  it('keeps the ids of two clients apart', async () => {
    const store = await open();
    const a = makeEvent({ clientId: 'client-a' });
    const b = makeEvent({ clientId: 'client-b', content: 'other', acceptedAt: 5 });
    expect(await acceptKinds(store, [b, a])).toEqual(['inserted', 'inserted']);
    expect((await store.find(a.event))?.event).toEqual(a.event);
    expect((await store.find(b.event))?.event).toEqual(b.event);
    expect(await store.find({ eventId: uuid(1), clientId: 'client-c' })).toBeNull();
  });

  it('shows a reader of every client the event that came first', async () => {
    const store = await open();
    const events = [makeEvent({ clientId: 'client-b' }), makeEvent({ clientId: 'client-a' })];
    await store.accept(events, ROOMY);
    expect((await store.find({ eventId: uuid(1), clientId: null }))?.event.clientId).toBe('client-b');
    expect(await store.find({ eventId: uuid(2), clientId: null })).toBeNull();
  });
}

async function expectOneEvent(store: EventStore): Promise<void> {
  expect((await store.list({ clientId: null, limit: 10 })).data).toHaveLength(1);
  expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 1 }]);
}

function describeBacklog(open: OpenStore): void {
  it('takes deliveries up to the limit and not one more', async () => {
    const store = await open();
    const backlogMax = 3;
    expect(await acceptKinds(store, makeEvents(4), backlogMax)).toEqual(['inserted', 'inserted', 'inserted', 'full']);
    expect(await store.find({ eventId: uuid(4), clientId: null })).toBeNull();
    expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 3 }]);
    // A claimed delivery is open still; a delivered one makes room.
    const { claimed } = await claim(store, { limit: 1 });
    expect(await acceptKinds(store, [makeEvent({ eventId: uuid(4) })], backlogMax)).toEqual(['full']);
    await store.settle(claimed.map((one) => delivered(one)));
    expect(await acceptKinds(store, [makeEvent({ eventId: uuid(4) })], backlogMax)).toEqual(['inserted']);
  });

  it('counts every delivery of an event, and takes none where not all fit', async () => {
    const store = await open();
    const [first, second, third] = makeEvents(3, (number) => ({ to: number === 2 ? ['ads', 'crm'] : ['ads'] }));
    const events = [first, second, third].flatMap((event) => event ?? []);
    expect(await acceptKinds(store, events, 2)).toEqual(['inserted', 'full', 'inserted']);
  });

  it('answers repeats and conflicts, and takes what no destination wants, when it is full', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const events = [makeEvent(), makeEvent({ content: 'other' }), makeEvent({ eventId: uuid(2), to: [] })];
    expect(await acceptKinds(store, events, 1)).toEqual(['duplicate', 'conflict', 'inserted']);
    expect(await acceptKinds(store, [makeEvent({ eventId: uuid(3) })], 0)).toEqual(['full']);
  });
}

function describeUnstorable(open: OpenStore): void {
  it.each<[string, EventFixture]>([
    ['U+0000 in a text', { userId: 'a\0b' }],
    ['a lone surrogate', { campaignId: 'a\ud800' }],
    ['a fraction of a second', { eventTimeSeconds: 1.5 }],
    ['a number that doubles do not keep', { valueCents: 2 ** 53 }],
    ['two deliveries for one destination', { to: ['ads', 'ads'] }],
    ['over a hundred deliveries', { to: Array.from({ length: 101 }, (_, place) => `d${place}`) }],
  ])('refuses %s, and with it the whole call', async (_title, fields) => {
    const store = await open();
    await expect(store.accept([makeEvent(), makeEvent({ eventId: uuid(2), ...fields })], ROOMY)).rejects.toThrow(
      uuid(2),
    );
    expect((await store.list({ clientId: null, limit: 10 })).data).toEqual([]);
    expect(
      await acceptKinds(store, [makeEvent({ to: Array.from({ length: 100 }, (_, place) => `d${place}`) })]),
    ).toEqual(['inserted']);
  });

  it('refuses digests of another length', async () => {
    const store = await open();
    const event = makeEvent();
    await expect(store.accept([{ ...event, fingerprint: Buffer.alloc(31) }], ROOMY)).rejects.toThrow('32 bytes');
    const deliveries = event.deliveries.map((delivery) => ({ ...delivery, checksum: Buffer.alloc(0) }));
    await expect(store.accept([{ ...event, deliveries }], ROOMY)).rejects.toThrow('32 bytes');
  });
}
