import { makeEvent, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, status, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../external-services/memory-event-store';
import type { DestinationContract } from '../../interfaces/destination';
import type { DeadReason } from '../../types/delivery';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';
import { nextStep } from './schedule';

const HOUR_MS = 3_600_000;
const running: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

interface Settings {
  readonly concurrency?: number;
  readonly ratePerSecond?: number;
  readonly contract?: Partial<DestinationContract>;
}

async function world(settings: Settings) {
  const runtime = new SimulatedRuntime({ seed: 11 });
  const store = new MemoryEventStore();
  const destination = new ScriptedDestination({ name: 'ads', ...settings });
  const feed = new EventFeed();
  const schedule = { baseMs: 1_000, maxMs: HOUR_MS, forMs: 24 * HOUR_MS };
  const lane = { leaseMs: 60_000, attemptTimeoutMs: 10_000, drainMs: 1_000, schedule };
  const parts = { destinations: [destination], store, runtime, feed, log: silentLog };
  const worker = new DeliveryWorker({ ...parts, settings: lane, circuitCooldownMs: 5_000 });
  await worker.start();
  running.push(() => runtime.until(worker.stop()));
  let made = 0;
  /** Accepts so many events now, that happened so long ago. */
  const accept = async (count: number, ageMs = 0): Promise<void> => {
    const events = Array.from({ length: count }, () => {
      made += 1;
      const eventTimeSeconds = Math.floor((runtime.now() - ageMs) / 1000);
      return makeEvent({ eventId: uuid(made), dueAt: runtime.now(), eventTimeSeconds });
    });
    await store.accept(events, ROOMY);
    worker.nudge('ads');
  };
  return { runtime, store, destination, accept };
}

describe('the rate', () => {
  it('is never passed, and is used', async () => {
    const { runtime, destination, accept } = await world({ ratePerSecond: 20 });
    const times: number[] = [];
    destination.answering = () => {
      times.push(runtime.monotonic());
      return yes;
    };
    await accept(200);
    await runtime.advance(9_000);
    for (const start of times)
      expect(times.filter((at) => at >= start && at < start + 1_000).length).toBeLessThanOrEqual(21);
    expect(times.length).toBeGreaterThanOrEqual(175);
  });

  it('lets nothing wait under a lease: a call in ten seconds burns no attempt', async () => {
    const { runtime, store, destination, accept } = await world({ ratePerSecond: 0.1 });
    await accept(10);
    await runtime.advance(105_000);
    expect(destination.calls).toHaveLength(10);
    const { data } = await store.listDeliveries({ limit: 50 });
    expect(data.map(({ status: standing, attempts }) => [standing, attempts])).toEqual(
      Array(10).fill(['delivered', 1]),
    );
  });

  it('counts the calls that a split batch costs', async () => {
    const { runtime, destination, accept } = await world({
      ratePerSecond: 2,
      contract: { maxBatch: 8, batchMode: 'atomic' },
    });
    destination.answering = (parcels) => (parcels.some(({ eventId }) => eventId === uuid(3)) ? status(400) : yes);
    await accept(8);
    await runtime.advance(2_000);
    expect(destination.calls.length).toBeLessThanOrEqual(5);
    await runtime.advance(3_000);
    expect(destination.calls).toHaveLength(7);
  });
});

describe('the retry budget', () => {
  it('keeps a destination that fails often from getting ever more calls, and delays no first try', async () => {
    const { runtime, store, destination, accept } = await world({ concurrency: 4 });
    const firstTries: number[] = [];
    const retries: number[] = [];
    const acceptedAt = new Map<string, number>();
    let slowestMs = 0;
    destination.answering = ([parcel], call) => {
      const id = parcel?.eventId ?? '';
      const isFirst = acceptedAt.get(id) !== undefined;
      (isFirst ? firstTries : retries).push(runtime.monotonic());
      slowestMs = Math.max(slowestMs, isFirst ? runtime.monotonic() - (acceptedAt.get(id) ?? 0) : 0);
      acceptedAt.delete(id);
      return runtime.monotonic() < 20_000 && (call * 7) % 20 < 8 ? status(503) : yes;
    };
    for (let second = 0; second < 20; second += 1) {
      for (let index = 1; index <= 50; index += 1) acceptedAt.set(uuid(second * 50 + index), runtime.monotonic());
      await accept(50);
      await runtime.advance(1_000);
    }
    for (const end of retries) {
      const within = (times: readonly number[]) => times.filter((at) => at > end - 10_000 && at <= end).length;
      expect(within(retries)).toBeLessThanOrEqual(0.2 * within(firstTries) + 100 + 1);
    }
    // Without the budget 40 % of all calls fail and come again: about 33 retries a second.
    expect(retries.length).toBeLessThanOrEqual(20 * (0.2 * 50 + 10));
    expect(retries.length).toBeGreaterThan(20 * 10);
    expect(slowestMs).toBeLessThan(1_000);

    await runtime.advance(120_000);
    const counts = await store.countByStatus();
    expect(counts.filter(({ count }) => count > 0)).toEqual([
      { destination: 'ads', status: 'delivered', count: 1_000 },
    ]);
    // What was put off has burnt no attempt.
    const attempts = (
      await Promise.all([7, 500, 1_000].map((id) => store.attempts({ eventId: uuid(id), clientId: null })))
    ).flat();
    expect(attempts.every((attempt) => attempt?.httpStatus !== null)).toBe(true);
  });
});

describe('the age that a destination takes', () => {
  const outcome = { kind: 'retryable', retryAfterMs: null, possibleDuplicate: null } as const;
  const reading = { outcome, httpStatus: 503, error: 'http_503', excerpt: null };
  const step = (maxAgeMs: number | null, forMs: number, isReplay = false) =>
    nextStep(
      reading,
      { eventTimeSeconds: 1_000, tries: 1, retryUntil: null, isReplay } as never,
      { at: 1_050_000, heldMs: 0, probeInMs: 0 },
      { baseMs: 20_000, maxMs: HOUR_MS, forMs, maxAgeMs },
      () => 0.5,
    );
  const dead = (reason: DeadReason) => ({ status: 'dead', reason });

  it('ends retries as soon as the next would lie past it', () => {
    expect(step(null, HOUR_MS)).toMatchObject({ status: 'pending', dueAt: 1_070_000 });
    expect(step(70_000, HOUR_MS)).toMatchObject({ status: 'pending', dueAt: 1_070_000 });
    expect(step(69_000, HOUR_MS)).toEqual(dead('too_old_for_destination'));
    expect(step(69_000, 1_000)).toEqual(dead('retries_exhausted'));
    expect(step(69_000, HOUR_MS, true)).toMatchObject({ status: 'pending' });
  });

  it('keeps an older event from being sent at all', async () => {
    const { runtime, store, destination, accept } = await world({ contract: { maxAgeMs: HOUR_MS } });
    await accept(1, 2 * HOUR_MS);
    await accept(1, HOUR_MS / 2);
    await runtime.advance(1_000);
    expect(destination.calls).toHaveLength(1);
    const { data } = await store.listDeliveries({ status: 'dead', limit: 10 });
    expect(data).toMatchObject([{ eventId: uuid(1), deadReason: 'too_old_for_destination' }]);
  });
});
