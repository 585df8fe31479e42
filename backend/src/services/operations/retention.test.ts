import { claim, delivered, makeEvent, makeEvents, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { Retention } from './retention';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const RETENTION_MS = 8 * DAY_MS;

/**
 * A store with events of the given ages without deliveries, and one of now; each `run` is a process
 * with retention over it.
 */
async function world(agesMs: readonly number[]) {
  const runtime = new SimulatedRuntime({ seed: 5 });
  const store = new MemoryEventStore();
  const ages = [...agesMs, 0];
  await store.events.accept(
    makeEvents(ages.length, (number) => ({ acceptedAt: runtime.now() - (ages[number - 1] ?? 0), to: [] })),
    ROOMY,
  );
  await store.upkeep.recordHeartbeat({ seenAt: runtime.now(), steadyMs: DAY_MS });
  const suspended: object[] = [];
  const log = {
    ...silentLog,
    error: (fields: object, fact: string) => {
      if (fact === 'retention.suspended') suspended.push(fields);
    },
  };
  const make = () => new Retention({ store, runtime, log, retentionMs: RETENTION_MS });
  let retention = make();
  const left = async () => (await store.events.list({ clientId: null, limit: 200 })).data.length;
  const run = async (work: () => Promise<void>) => {
    retention = make();
    await retention.start();
    await work();
    await runtime.until(retention.stop());
  };
  return { runtime, store, suspended, left, run, make, last: () => retention, count: ages.length };
}

test('what is older than the retention goes, in chunks; the rest stays, and goes when its time comes', async () => {
  const old = Array.from({ length: 450 }, () => RETENTION_MS + 1);
  const { runtime, store, left, run } = await world([...old, RETENTION_MS - 10 * MINUTE_MS, DAY_MS]);
  const prune = jest.spyOn(store.upkeep, 'prune');
  await run(async () => {
    await runtime.advance(1_000);
    expect(await left()).toBe(3);
    expect(prune.mock.calls.every(([{ limit }]) => limit <= 200)).toBe(true);
    await runtime.advance(12 * MINUTE_MS);
    expect(await left()).toBe(2);
  });
  expect((await store.events.points('user-1'))[0]?.count).toBe(453);
});

test('an event with an open delivery stays however old it is, until the delivery has ended', async () => {
  const { runtime, store, left, run } = await world([]);
  await store.events.accept([makeEvent({ eventId: uuid(50), acceptedAt: runtime.now() - 30 * DAY_MS })], ROOMY);
  await store.events.accept([makeEvent({ eventId: uuid(51), acceptedAt: runtime.now(), to: [] })], ROOMY);
  await run(async () => {
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(3);
    const { claimed } = await claim(store, { now: runtime.now() });
    await store.deliveries.settle(claimed.map((taken) => delivered(taken)));
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(2);
  });
});

test.each([
  ['forward', 40 * DAY_MS],
  ['back', -40 * DAY_MS],
])('after the wall clock went %s nothing goes for a day, also once it is back', async (_name, jumpMs) => {
  const { runtime, suspended, left, run, count } = await world([7 * DAY_MS, 2 * DAY_MS]);
  await run(async () => {
    await runtime.advance(MINUTE_MS);
    runtime.jumpWallClock(jumpMs);
    await runtime.advance(DAY_MS - 10 * MINUTE_MS);
    expect(await left()).toBe(count);
    runtime.jumpWallClock(-jumpMs);
    await runtime.advance(DAY_MS - MINUTE_MS);
    expect(await left()).toBe(count);
    expect(suspended).toMatchObject([{ movedMs: jumpMs }, { movedMs: -jumpMs }]);
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(2);
  });
});

test('a clock that stays where it went is believed after a day', async () => {
  const { runtime, left, run, count } = await world([DAY_MS]);
  await run(async () => {
    await runtime.advance(MINUTE_MS);
    runtime.jumpWallClock(40 * DAY_MS);
    await runtime.advance(DAY_MS);
    expect(await left()).toBe(count);
    await runtime.advance(2 * MINUTE_MS);
    expect(await left()).toBe(0);
  });
});

test('a restart does not make a clock right that jumped, whatever was accepted since', async () => {
  const { runtime, store, left, run, count } = await world([DAY_MS]);
  await run(async () => {
    await runtime.advance(2 * MINUTE_MS);
  });
  runtime.jumpWallClock(40 * DAY_MS);
  await store.events.accept([makeEvent({ eventId: uuid(60), acceptedAt: runtime.now(), to: [] })], ROOMY);
  await run(async () => {
    await runtime.advance(DAY_MS / 2);
  });
  expect(await left()).toBe(count + 1);
  // The day that it takes goes on over a restart; what lies between is not counted.
  await runtime.advance(DAY_MS / 4);
  await run(async () => {
    await runtime.advance(DAY_MS / 2 - 10 * MINUTE_MS);
    expect(await left()).toBe(count + 1);
    await runtime.advance(20 * MINUTE_MS);
    expect(await left()).toBe(1);
  });
});

test('after it stood still for more than a day nothing goes until it has run for a day', async () => {
  const { runtime, store, suspended, left, run, count } = await world([RETENTION_MS - DAY_MS]);
  await run(async () => {
    await runtime.advance(MINUTE_MS);
  });
  await runtime.advance(6 * DAY_MS);
  await run(async () => {
    await runtime.advance(DAY_MS - MINUTE_MS);
    expect(await left()).toBe(count);
    expect(suspended).toHaveLength(1);
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(1);
  });
  expect(await store.upkeep.heartbeat()).toEqual({ seenAt: expect.any(Number), steadyMs: DAY_MS });
});

test('where no mark could be written, a jump and a restart are told by the events there are', async () => {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const store = new MemoryEventStore();
  await store.events.accept([makeEvent({ acceptedAt: runtime.now(), to: [] })], ROOMY);
  runtime.jumpWallClock(40 * DAY_MS);
  const retention = new Retention({ store, runtime, log: silentLog, retentionMs: RETENTION_MS });
  await retention.start();
  await runtime.advance(MINUTE_MS);
  expect((await store.events.list({ clientId: null, limit: 200 })).data).toHaveLength(1);
  await runtime.until(retention.stop());
});

test('processes that share a store count the same day, not each its own', async () => {
  const { runtime, store, left, run, count, make } = await world([RETENTION_MS]);
  await store.upkeep.recordHeartbeat({ seenAt: runtime.now() - 3 * DAY_MS, steadyMs: DAY_MS });
  const other = make();
  await other.start();
  await run(async () => {
    await runtime.advance(DAY_MS - 10 * MINUTE_MS);
    expect(await left()).toBe(count);
    await runtime.advance(20 * MINUTE_MS);
    expect(await left()).toBe(1);
  });
  await runtime.until(other.stop());
});

test('a mark that was written late, by a process that had not seen the jump, does not make the clock right', async () => {
  const { runtime, store, left, run, count } = await world([DAY_MS]);
  const late = { seenAt: runtime.now(), steadyMs: DAY_MS };
  await store.upkeep.recordHeartbeat(late);
  runtime.jumpWallClock(40 * DAY_MS);
  await run(async () => {
    await runtime.advance(1_000);
    await store.upkeep.recordHeartbeat(late);
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(count);
  });
});

test('a jump while the mark is being written is a jump', async () => {
  const { runtime, store, left, run, count } = await world([DAY_MS]);
  const record = store.upkeep.recordHeartbeat.bind(store.upkeep);
  jest.spyOn(store.upkeep, 'recordHeartbeat').mockImplementationOnce(async (mark) => {
    runtime.jumpWallClock(40 * DAY_MS);
    await record(mark);
  });
  await run(async () => {
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(count);
  });
});

test('it says for how long nothing goes, and nothing while the clock is believed', async () => {
  const { runtime, run, last } = await world([]);
  await run(async () => {
    expect(last().heldForMs).toBe(0);
    await runtime.advance(MINUTE_MS);
    runtime.jumpWallClock(2 * DAY_MS);
    await runtime.advance(MINUTE_MS);
    expect(last().heldForMs).toBe(DAY_MS);
    await runtime.advance(60 * MINUTE_MS);
    expect(last().heldForMs).toBe(DAY_MS - 60 * MINUTE_MS);
    await runtime.advance(DAY_MS);
    expect(last().heldForMs).toBe(0);
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

test('a store that cannot is tried again', async () => {
  const { runtime, store, left, run } = await world([RETENTION_MS + 1]);
  const failing = jest.spyOn(store.upkeep, 'prune').mockRejectedValue(new StoreUnavailableError('full', false));
  await run(async () => {
    await runtime.advance(3 * MINUTE_MS);
    expect(await left()).toBe(2);
    failing.mockRestore();
    await runtime.advance(MINUTE_MS);
    expect(await left()).toBe(1);
  });
});
