import { makeEvents, ROOMY } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, status, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import type { DestinationContract, DeliveryRequest } from '../../interfaces/destination';
import type { DeliveryStatus } from '../../types/event';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';
import { groupForCalls } from './batch-split';

const HOUR_MS = 3_600_000;
const running: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

/** A worker for one destination that takes batches, and as many events as are asked for, due at once. */
async function world(events: number, contract: Partial<DestinationContract>, concurrency = 1) {
  const runtime = new SimulatedRuntime({ seed: 7 });
  const store = new MemoryEventStore();
  const made = makeEvents(events);
  await store.events.accept(made, ROOMY);
  const [name = ''] = made.flatMap(({ deliveries }) => deliveries.map(({ destination }) => destination));
  const destination = new ScriptedDestination({
    name,
    concurrency,
    contract: { maxBatch: 1_000, batchMode: 'atomic', ...contract },
  });
  const schedule = { baseMs: 1_000, maxMs: HOUR_MS, forMs: 24 * HOUR_MS };
  const settings = { leaseMs: 60_000, attemptTimeoutMs: 10_000, drainMs: 1_000, schedule };
  const parts = { destinations: [destination], store, runtime, feed: new EventFeed(), log: silentLog };
  const worker = new DeliveryWorker({ ...parts, settings, circuitCooldownMs: 5_000 });
  const start = async () => {
    await worker.start();
    running.push(() => runtime.until(worker.stop()));
  };
  const ids = made.map(({ event }) => event.eventId);
  const count = async (wanted: DeliveryStatus) =>
    (await store.deliveries.countByStatus()).find((each) => each.status === wanted)?.count ?? 0;
  return { runtime, store, destination, start, ids, count };
}

const has = (parcels: readonly DeliveryRequest[], id: string | undefined) =>
  parcels.some(({ eventId }) => eventId === id);

test('what is due goes in one call, and each delivery has its own attempt', async () => {
  const { runtime, store, destination, start, ids, count } = await world(1_000, {});
  await start();
  await runtime.advance(1_000);
  expect(destination.calls.map(({ length }) => length)).toEqual([1_000]);
  expect(await count('delivered')).toBe(1_000);
  expect(await store.events.attempts({ eventId: ids[17] ?? '', clientId: null })).toMatchObject([
    { number: 1, outcome: 'delivered' },
  ]);
});

test('the smaller groups of what failed before make no more calls at once than the destination allows', async () => {
  const { runtime, destination, start, count } = await world(16, { maxBatch: 16 }, 2);
  let [open, most] = [0, 0];
  destination.answering = async (_parcels, call) => {
    open += 1;
    most = Math.max(most, open);
    await runtime.sleep(500);
    open -= 1;
    return call === 0 ? status(503) : yes;
  };
  await start();
  await runtime.advance(20_000);
  expect(await count('delivered')).toBe(16);
  expect(destination.calls.length).toBeGreaterThan(4);
  expect(most).toBe(2);
});

test('one bad event among 1 000 costs 21 calls, and only it is dead', async () => {
  const { runtime, store, destination, start, ids, count } = await world(1_000, {});
  const bad = ids[617];
  destination.answering = (parcels) => (has(parcels, bad) ? status(400) : yes);
  await start();
  await runtime.advance(60_000);
  expect(await count('delivered')).toBe(999);
  expect(await count('dead')).toBe(1);
  expect(destination.calls.length).toBeLessThanOrEqual(21);
  expect(destination.calls.length).toBeGreaterThan(10);
  const view = await store.events.find({ eventId: bad ?? '', clientId: null });
  expect(view?.deliveries).toMatchObject([
    { status: 'dead', deadReason: 'rejected', attempts: 1, lastHttpStatus: 400 },
  ]);
});

test('where the answer names the bad events, the others go again together', async () => {
  const { runtime, destination, start, ids, count } = await world(1_000, { batchMode: 'atomicNamed' });
  const bad = [ids[3], ids[900]];
  destination.answering = (parcels) => (bad.some((id) => has(parcels, id)) ? status(422) : yes);
  destination.itemStatuses = (_body, parcels) => parcels.map(({ eventId }) => (bad.includes(eventId) ? 400 : null));
  await start();
  await runtime.advance(1_000);
  expect(destination.calls.map(({ length }) => length)).toEqual([1_000, 998]);
  expect([await count('delivered'), await count('dead')]).toEqual([998, 2]);
});

test('where the answer speaks of each event, each has its own outcome', async () => {
  const { runtime, store, destination, start, ids, count } = await world(6, { batchMode: 'perItem' });
  destination.itemStatuses = (_body, parcels) =>
    parcels.length === 1 ? [202] : [202, 400, 503, 401, null, 409].slice(0, parcels.length);
  await start();
  await runtime.advance(500);
  expect([await count('delivered'), await count('dead'), await count('pending')]).toEqual([1, 3, 2]);
  const unread = await store.events.attempts({ eventId: ids[4] ?? '', clientId: null });
  expect(unread).toMatchObject([{ error: 'answer_unreadable', possibleDuplicate: 'answer_unreadable' }]);
  await runtime.advance(60_000);
  expect([await count('delivered'), await count('dead')]).toEqual([3, 3]);
});

test('a refusal of the address is not searched for an event at fault', async () => {
  const { runtime, destination, start, count } = await world(1_000, {});
  destination.answering = () => status(404);
  await start();
  await runtime.advance(1_000);
  expect(destination.calls).toHaveLength(1);
  expect(await count('dead')).toBe(1_000);
});

test('an event that makes its whole batch fail with a 5xx is left alone in the end, and takes no other with it', async () => {
  const { runtime, destination, start, ids, count } = await world(64, { maxBatch: 64 });
  destination.answering = (parcels) => (has(parcels, ids[5]) ? status(500) : yes);
  await start();
  await runtime.advance(60_000);
  expect(await count('delivered')).toBe(63);
  expect(destination.calls.at(-1)).toHaveLength(1);
});

test('a batch whose halves take longer than its lease still ends: it becomes smaller', async () => {
  const { runtime, destination, start, ids, count } = await world(256, { maxBatch: 256 });
  destination.answering = async (parcels) => {
    await runtime.sleep(9_000);
    return has(parcels, ids[200]) ? status(400) : yes;
  };
  await start();
  await runtime.advance(600_000);
  expect([await count('delivered'), await count('dead')]).toEqual([255, 1]);
});

test('a probe is one event, not a batch', async () => {
  const { runtime, destination, start, count } = await world(100, { maxBatch: 10 }, 2);
  let isFailing = true;
  destination.answering = () => (isFailing ? status(503) : yes);
  await start();
  await runtime.advance(1_000);
  const before = destination.calls.length;
  expect(before).toBe(10);
  isFailing = false;
  await runtime.advance(6_000);
  expect(destination.calls[before]).toHaveLength(1);
  await runtime.advance(120_000);
  expect(await count('delivered')).toBe(100);
});

test('calls are bounded in bytes as well as in number', () => {
  const delivery = (tries: number, bytes: number) => ({ tries, payload: Buffer.alloc(bytes) }) as never;
  const big = Array.from({ length: 5 }, () => delivery(1, 400_000));
  expect(groupForCalls(big, 1_000).map(({ length }) => length)).toEqual([2, 2, 1]);
  const tried = [1, 2, 2, 3, 1].map((tries) => delivery(tries, 10));
  expect(groupForCalls(tried, 8).map(({ length }) => length)).toEqual([2, 2, 1]);
  expect(groupForCalls(tried, 1).map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
});
