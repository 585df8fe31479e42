import { MapCache } from '../../../test/support/map-cache';
import { ScriptedDestination } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { StoreUnavailableError, type AcceptResult, type EventStore } from '../../interfaces/event-store';
import type { EventInput, EventKey } from '../../types/event';
import { Catalogue } from './catalogue';
import { EventFeed } from './event-feed';
import { EventService } from './event-service';
import { IdempotencyCache, type LookUp } from './idempotency-cache';

const ID = '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11';
const KEY: EventKey = { eventId: ID, clientId: 'client' };
const HOUR_MS = 3_600_000;
const MAX_AGE_MS = 10 * HOUR_MS;

/** A store, and a service on it; what is done to the store by hand is another process's doing. */
class World {
  readonly runtime = new SimulatedRuntime({ seed: 1, startAt: Date.UTC(2026, 0, 1) });
  readonly store = new MemoryEventStore({ runtime: this.runtime });
  readonly lookUps: LookUp[] = [];
  readonly repeats: AcceptResult['kind'][] = [];
  /** How many events went through a commit. */
  committed = 0;
  isBroken = false;
  readonly here: EventService;
  private readonly cache = new MapCache(this.runtime);

  constructor(
    private readonly destinations: readonly ScriptedDestination[] = [new ScriptedDestination({ name: 'ads' })],
  ) {
    this.here = this.service();
  }

  private service(): EventService {
    const { runtime, cache, store } = this;
    const accept: EventStore['events']['accept'] = async (...args) => {
      if (this.isBroken) throw new StoreUnavailableError('full', false);
      this.committed += args[0].length;
      return store.events.accept(...args);
    };
    const events = Object.assign(Object.create(store.events) as EventStore['events'], { accept });
    const { deliveries, operator, upkeep } = store;
    const watched: EventStore = { events, deliveries, operator, upkeep };
    const onLookUp = (found: LookUp) => this.lookUps.push(found);
    const idempotency = new IdempotencyCache({ cache, store: watched, runtime, maxAgeMs: MAX_AGE_MS, onLookUp });
    return new EventService({
      ...{ store: watched, runtime, idempotency, feed: new EventFeed(), backlogMax: 100 },
      ...{ maxAgeMs: MAX_AGE_MS, maxAheadMs: 1_000, destinations: () => this.destinations },
      onRepeat: ({ kind }) => this.repeats.push(kind),
      catalogue: new Catalogue([{ name: 'login', description: '', points: 1, requires: [] }]),
    });
  }

  async post(fields: Partial<EventInput> = {}, clientId = 'client'): Promise<string> {
    const input = { event_id: ID, user_id: 'u', event_name: 'login', event_time: '2026-01-01T00:00:00Z', ...fields };
    const standing = await this.runtime.until(this.here.accept(clientId, input).catch((error: unknown) => error));
    if (standing instanceof Error) return standing.message;
    const { status, isDuplicate } = standing as { status: string; isDuplicate: boolean };
    return `${isDuplicate ? 'duplicate' : 'new'} ${status}`;
  }

  /** Ends the delivery for the destination, as any process may. */
  async end(status: 'delivered' | 'dead', destination = 'ads'): Promise<void> {
    const now = this.runtime.now();
    const { claimed } = await this.store.deliveries.claimDue({ destination, limit: 10, now, leaseMs: 1_000 });
    const next = status === 'dead' ? ({ status, reason: 'rejected' } as const) : { status };
    await this.store.deliveries.settle(
      claimed.map(({ deliveryId, attempt }) => ({ deliveryId, attempt, at: now, record: null, next })),
    );
  }

  async deliveryIds(): Promise<number[]> {
    return ((await this.store.events.find(KEY))?.deliveries ?? []).map(({ deliveryId }) => deliveryId);
  }
}

test('a repeat of an ended event needs no commit, and from the second on no reading either', async () => {
  const world = new World();
  expect(await world.post()).toBe('new pending');
  await world.end('delivered');
  expect(await world.post()).toBe('duplicate delivered');
  expect(await world.post()).toBe('duplicate delivered');
  expect(world.lookUps).toEqual(['miss', 'read', 'hit']);
  expect(world.repeats).toEqual(['duplicate', 'duplicate']);
  expect(world.committed).toBe(1);
});

test('a repeat of a pending event says how it stands now', async () => {
  const world = new World();
  await world.post();
  expect(await world.post()).toBe('duplicate pending');
  expect(await world.post()).toBe('duplicate pending');
  await world.end('dead');
  expect(await world.post()).toBe('duplicate dead');
  expect(world.lookUps).toEqual(['miss', 'read', 'read', 'read']);
  expect(world.committed).toBe(1);
});

test('an event that is dead by one delivery has not ended while another is open', async () => {
  const world = new World([new ScriptedDestination({ name: 'ads' }), new ScriptedDestination({ name: 'crm' })]);
  await world.post();
  await world.end('dead');
  for (let repeat = 0; repeat < 2; repeat += 1) expect(await world.post()).toBe('duplicate dead');
  expect(world.lookUps).toEqual(['miss', 'read', 'read']);
});

test('an event that nobody wants has ended when it is accepted', async () => {
  const world = new World([]);
  expect(await world.post()).toBe('new stored');
  expect(await world.post()).toBe('duplicate stored');
  expect(world.lookUps).toEqual(['miss', 'hit']);
});

test('other content under a known id is a conflict that names the fields, without a commit', async () => {
  const world = new World();
  await world.post();
  const conflict =
    'event_id_conflict: This event_id was used for another event; this one differs from the stored event in';
  expect(await world.post({ user_id: 'v' })).toBe(`${conflict}: user_id.`);
  await world.end('delivered');
  await world.post();
  expect(await world.post({ user_id: 'v', click_id: 'c' })).toBe(`${conflict}: click_id, user_id.`);
  expect(await world.post()).toBe('duplicate delivered');
  expect(world.committed).toBe(1);
});

test('the same id of another client is another event', async () => {
  const world = new World([]);
  await world.post();
  expect(await world.post({ user_id: 'v' }, 'other')).toBe('new stored');
  expect(await world.post({ user_id: 'v' }, 'other')).toBe('duplicate stored');
});

test('what was not committed is not known', async () => {
  const world = new World([]);
  world.isBroken = true;
  expect(await world.post()).toBe('full');
  expect(await world.post()).toBe('full');
  world.isBroken = false;
  expect(await world.post()).toBe('new stored');
});

test('a replay by any process is seen by the next repeat, and so is a discard', async () => {
  const world = new World();
  await world.post();
  await world.end('dead');
  for (let repeat = 0; repeat < 2; repeat += 1) expect(await world.post()).toBe('duplicate dead');
  const command = { deliveryIds: await world.deliveryIds(), at: world.runtime.now(), actor: 'olga' };
  expect(await world.store.operator.replay({ ...command, from: ['dead'] })).toBe(1);
  expect(await world.post()).toBe('duplicate pending');
  await world.end('dead');
  for (let repeat = 0; repeat < 2; repeat += 1) expect(await world.post()).toBe('duplicate dead');
  expect(await world.store.operator.discard({ ...command, from: ['dead'], reason: 'no use' })).toBe(1);
  expect(await world.post()).toBe(`duplicate ${(await world.store.events.find(KEY))?.status ?? ''}`);
  expect((await world.store.events.find(KEY))?.deliveries[0]?.status).toBe('discarded');
});

test('an end that was read before an action is not kept as one of after it', async () => {
  const world = new World();
  await world.post();
  await world.end('dead');
  const find = world.store.events.find.bind(world.store);
  // The other process replays between this one's count of actions and what it reads then.
  const command = { deliveryIds: await world.deliveryIds(), at: world.runtime.now(), actor: 'olga' };
  world.store.events.find = async (key) => {
    const view = await find(key);
    await world.store.operator.replay({ ...command, from: ['dead'] });
    return view;
  };
  expect(await world.post()).toBe('duplicate dead');
  world.store.events.find = find;
  expect(await world.post()).toBe('duplicate pending');
});

test('a pruned event is not answered for: what the store has forgotten is new to the cache too', async () => {
  const world = new World();
  await world.post();
  await world.end('delivered');
  await world.post();
  world.runtime.jumpWallClock(MAX_AGE_MS);
  await world.store.upkeep.prune({ acceptedBefore: world.runtime.now(), limit: 10 });
  const event_time = new Date(world.runtime.now()).toISOString();
  expect(await world.post({ event_time })).toBe('new pending');
});

test('an id that was accepted anew elsewhere after its event was pruned is compared with what is stored now', async () => {
  const world = new World();
  await world.post();
  await world.end('delivered');
  await world.store.upkeep.prune({ acceptedBefore: world.runtime.now() + 1, limit: 10 });
  const elsewhere = new EventService({
    ...{ store: world.store, runtime: world.runtime, feed: new EventFeed(), backlogMax: 100 },
    ...{ maxAgeMs: MAX_AGE_MS, maxAheadMs: 1_000, destinations: () => [] },
    catalogue: new Catalogue([{ name: 'login', description: '', points: 1, requires: [] }]),
  });
  const input = { event_id: ID, user_id: 'v', event_name: 'login', event_time: '2026-01-01T00:00:00Z' };
  await world.runtime.until(elsewhere.accept('client', input));
  expect(await world.post({ user_id: 'v' })).toBe('duplicate stored');
  expect(await world.post()).toMatch(/^event_id_conflict: .* user_id\.$/);
});

test('where the store cannot say how many actions there were, the commit decides', async () => {
  const world = new World([]);
  await world.post();
  world.store.operator.actionCount = () => Promise.reject(new StoreUnavailableError('busy', false));
  expect(await world.post()).toBe('duplicate stored');
  expect(world.lookUps).toEqual(['miss', 'miss']);
  expect(world.committed).toBe(2);
});

test('an entry goes after an hour', async () => {
  const world = new World([]);
  await world.post();
  await world.runtime.advance(HOUR_MS + 1);
  expect(await world.post()).toBe('duplicate stored');
  expect(world.lookUps).toEqual(['miss', 'miss']);
});
