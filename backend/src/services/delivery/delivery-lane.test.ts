import { makeEvents, ROOMY } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';

/** How many deliveries a lane takes at once, and what becomes of those that it took before there was a place for them. */

const PLACES = 4;
const EVENTS = 60;

/** A destination that answers after `answerMs` and a little more, never two calls together, and a store whose commits take 1 ms. */
class World {
  readonly runtime = new SimulatedRuntime({ seed: 7 });
  readonly store = new MemoryEventStore();
  readonly destination = new ScriptedDestination({ name: 'ads', concurrency: PLACES });
  readonly worker: DeliveryWorker;
  private calling = 0;
  mostCalls = 0;
  mostTaken = 0;
  claims = 0;

  constructor(answerMs: number) {
    const { runtime, store, destination } = this;
    destination.answering = async () => {
      this.calling += 1;
      this.mostCalls = Math.max(this.mostCalls, this.calling);
      this.mostTaken = Math.max(this.mostTaken, await this.count('delivering'));
      await runtime.sleep(answerMs + 3 * (destination.calls.length % (2 * PLACES)));
      this.calling -= 1;
      return yes;
    };
    const [claimDue, settle] = [store.deliveries.claimDue.bind(store), store.deliveries.settle.bind(store)];
    jest.spyOn(store.deliveries, 'claimDue').mockImplementation(async (request) => {
      const result = await claimDue(request);
      await runtime.sleep(1);
      if (result.claimed.length > 0) this.claims += 1;
      return result;
    });
    jest.spyOn(store.deliveries, 'settle').mockImplementation(async (settlements) => {
      await runtime.sleep(1);
      return settle(settlements);
    });
    const schedule = { baseMs: 1_000, maxMs: 3_600_000, forMs: 86_400_000 };
    const settings = { leaseMs: 60_000, attemptTimeoutMs: 10_000, drainMs: 1_000, schedule };
    const parts = { destinations: [destination], store, runtime, feed: new EventFeed(), log: silentLog };
    this.worker = new DeliveryWorker({ ...parts, settings, circuitCooldownMs: 5_000 });
  }

  async start(): Promise<void> {
    await this.store.events.accept(makeEvents(EVENTS), ROOMY);
    await this.worker.start();
  }

  stop(): Promise<void> {
    return this.runtime.until(this.worker.stop());
  }

  async count(status: string): Promise<number> {
    const counts = await this.store.deliveries.countByStatus();
    return counts.find((entry) => entry.status === status)?.count ?? 0;
  }
}

test('deliveries are claimed ahead of a quick destination, and no more calls are made at once', async () => {
  const world = new World(10);
  await world.start();
  await world.runtime.advance(10_000);
  expect(await world.count('delivered')).toBe(EVENTS);
  expect(world.destination.calls).toHaveLength(EVENTS);
  expect(world.mostCalls).toBe(PLACES);
  expect(world.mostTaken).toBe(2 * PLACES);
  // Never a commit for one place alone while all the others are busy.
  expect(world.claims).toBeLessThanOrEqual(EVENTS / (PLACES / 2));
  await world.stop();
});

test('a slow destination is sent what it has a place for, under a fresh lease', async () => {
  const world = new World(300);
  await world.start();
  await world.runtime.advance(20_000);
  expect(await world.count('delivered')).toBe(EVENTS);
  expect(world.mostTaken).toBe(PLACES);
  await world.stop();
});

test('once an outcome cannot be recorded, what was claimed ahead is not sent until it can', async () => {
  const world = new World(10);
  await world.start();
  await world.runtime.advance(100);
  expect(await world.count('delivering')).toBeGreaterThan(PLACES);
  let callsThen = 0;
  const full = jest.spyOn(world.store.deliveries, 'settle').mockImplementation(() => {
    callsThen ||= world.destination.calls.length;
    return Promise.reject(new StoreUnavailableError('full', false));
  });
  await world.runtime.advance(200_000);
  expect(world.destination.calls).toHaveLength(callsThen);
  full.mockRestore();
  await world.runtime.advance(10_000);
  expect(await world.count('delivered')).toBe(EVENTS);
  expect(new Set(world.destination.calls.map(([parcel]) => parcel?.eventId)).size).toBe(EVENTS);
  await world.stop();
});

test('a stop gives back what was claimed ahead, due at once', async () => {
  const world = new World(10);
  await world.start();
  await world.runtime.advance(100);
  expect(await world.count('delivering')).toBeGreaterThan(PLACES);
  const callsBefore = world.destination.calls.length;
  await world.stop();
  expect(world.destination.calls).toHaveLength(callsBefore);
  expect(await world.count('delivering')).toBe(0);
  expect(await world.count('delivered')).toBe(world.destination.calls.length);
  const now = world.runtime.now();
  const left = await world.runtime.until(
    world.store.deliveries.claimDue({ destination: 'ads', limit: EVENTS, now, leaseMs: 1 }),
  );
  expect(left.claimed).toHaveLength(EVENTS - callsBefore);
});
