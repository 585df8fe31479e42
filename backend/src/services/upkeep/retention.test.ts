import { claim, delivered, makeEvent, makeEvents, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../external-services/memory-event-store';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { Retention } from './retention';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const RETENTION_MS = 8 * DAY_MS;

/** A store with events of the given ages without deliveries, and retention over it. Another event keeps the newest one young. */
async function world(agesMs: readonly number[], { isFresh = true } = {}) {
  const runtime = new SimulatedRuntime({ seed: 5 });
  const store = new MemoryEventStore();
  const ages = isFresh ? [...agesMs, 0] : agesMs;
  await store.accept(
    makeEvents(ages.length, (number) => ({ acceptedAt: runtime.now() - (ages[number - 1] ?? 0), to: [] })),
    ROOMY,
  );
  const suspended: object[] = [];
  const log = {
    ...silentLog,
    error: (fields: object, fact: string) => {
      if (fact === 'retention.suspended') suspended.push(fields);
    },
  };
  const retention = new Retention({ store, runtime, log, retentionMs: RETENTION_MS });
  const left = async () => (await store.list({ clientId: null, limit: 200 })).data.length;
  const run = async (work: () => Promise<void>) => {
    await retention.start();
    await work();
    await runtime.until(retention.stop());
  };
  return { runtime, store, suspended, left, run, count: ages.length };
}

test('what is older than the retention goes, in chunks; the rest stays, and goes when its time comes', async () => {
  const old = Array.from({ length: 450 }, () => RETENTION_MS + 1);
  const { runtime, store, left, run } = await world([...old, RETENTION_MS - 10 * MINUTE_MS, DAY_MS]);
  const prune = jest.spyOn(store, 'prune');
  await run(async () => {
    await runtime.advance(1_000);
    expect(await left()).toBe(3);
    expect(prune.mock.calls.every(([{ limit }]) => limit <= 200)).toBe(true);
    await runtime.advance(12 * MINUTE_MS);
    expect(await left()).toBe(2);
  });
  expect((await store.points('user-1'))[0]?.count).toBe(453);
});

test('an event with an open delivery stays however old it is, until the delivery has ended', async () => {
  const { runtime, store, left, run } = await world([]);
  await store.accept([makeEvent({ eventId: uuid(50), acceptedAt: runtime.now() - 30 * DAY_MS })], ROOMY);
  await store.accept([makeEvent({ eventId: uuid(51), acceptedAt: runtime.now(), to: [] })], ROOMY);
  await run(async () => {
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(3);
    const { claimed } = await claim(store, { now: runtime.now() });
    await store.settle(claimed.map((taken) => delivered(taken)));
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(2);
  });
});

test.each([
  ['forward', 40 * DAY_MS],
  ['back, then further forward', -40 * DAY_MS],
])('while the wall clock is %s nothing goes; once it is back, what is old goes', async (_name, jumpMs) => {
  const { runtime, suspended, left, run, count } = await world([7 * DAY_MS, 2 * DAY_MS]);
  await run(async () => {
    await runtime.advance(MINUTE_MS);
    runtime.jumpWallClock(jumpMs);
    await runtime.advance(10 * MINUTE_MS);
    const furtherMs = jumpMs < 0 ? -jumpMs + 40 * DAY_MS : 0;
    runtime.jumpWallClock(furtherMs);
    await runtime.advance(2 * DAY_MS);
    expect(await left()).toBe(count);
    expect(suspended).toHaveLength(1);
    runtime.jumpWallClock(-jumpMs - furtherMs);
    await runtime.advance(MINUTE_MS);
    expect(await left()).toBe(2);
  });
});

test('a jump of less than a day is a clock that was put right', async () => {
  const { runtime, left, run } = await world([RETENTION_MS - 20 * 3_600_000]);
  await run(async () => {
    await runtime.advance(MINUTE_MS);
    runtime.jumpWallClock(23 * 3_600_000);
    await runtime.advance(MINUTE_MS);
    expect(await left()).toBe(1);
  });
});

test('after a start whose newest event is more than a day old nothing goes for a day: the clock may be wrong', async () => {
  const { runtime, suspended, left, run, count } = await world([40 * DAY_MS, 39 * DAY_MS], { isFresh: false });
  await run(async () => {
    await runtime.advance(DAY_MS - MINUTE_MS);
    expect(await left()).toBe(count);
    expect(suspended).toMatchObject([{ ms: 39 * DAY_MS }]);
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(0);
  });
});

test('a store that cannot is tried again', async () => {
  const { runtime, store, left, run } = await world([RETENTION_MS + 1]);
  const failing = jest.spyOn(store, 'prune').mockRejectedValue(new StoreUnavailableError('full', false));
  await run(async () => {
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(2);
    failing.mockRestore();
    await runtime.advance(MINUTE_MS);
    expect(await left()).toBe(1);
  });
});
