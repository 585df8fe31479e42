import { makeEvent, makeEvents, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, status, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../external-services/memory-event-store';
import type { UpstreamAnswer } from '../../interfaces/destination';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';

/** What keeps a lane from sending: a store that cannot record, replays that crowd, a time that has not come, a destination that is gone. */

const HOUR_MS = 3_600_000;
const running: (() => Promise<void>)[] = [];

function world(concurrency = 4) {
  const runtime = new SimulatedRuntime({ seed: 7 });
  const store = new MemoryEventStore();
  const destination = new ScriptedDestination({ name: 'ads', concurrency });
  return { runtime, store, destination };
}

async function startWorker({ runtime, store, destination }: ReturnType<typeof world>): Promise<DeliveryWorker> {
  const schedule = { baseMs: 1_000, maxMs: HOUR_MS, forMs: 24 * HOUR_MS };
  const settings = { leaseMs: 60_000, attemptTimeoutMs: 10_000, drainMs: 1_000, schedule };
  const parts = { destinations: [destination], store, runtime, feed: new EventFeed(), log: silentLog };
  const worker = new DeliveryWorker({ ...parts, settings, circuitCooldownMs: 5_000 });
  await worker.start();
  running.push(() => runtime.until(worker.stop()));
  return worker;
}

const delivered = async (store: MemoryEventStore): Promise<number> =>
  (await store.listDeliveries({ status: 'delivered', limit: 200 })).data.length;

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

describe('while outcomes cannot be recorded', () => {
  test('nothing more is sent, though claims would succeed; it goes on by itself, each event sent once', async () => {
    const here = world();
    const { runtime, store, destination } = here;
    await store.accept(makeEvents(20), ROOMY);
    const full = jest.spyOn(store, 'settle').mockRejectedValue(new StoreUnavailableError('full', false));
    await startWorker(here);
    await runtime.advance(200_000);
    // No more than were under way when it failed, however long it lasts: not even past their leases.
    expect(destination.calls).toHaveLength(4);
    full.mockRestore();
    await runtime.advance(2_000);
    expect(await delivered(store)).toBe(20);
    expect(destination.calls).toHaveLength(20);
  });

  test('a store that refuses claims is asked again, and nothing is sent meanwhile', async () => {
    const here = world();
    const { runtime, store, destination } = here;
    await store.accept(makeEvents(3), ROOMY);
    const failing = jest.spyOn(store, 'claimDue').mockRejectedValue(new StoreUnavailableError('I/O error', false));
    await startWorker(here);
    await runtime.advance(60_000);
    expect(destination.calls).toEqual([]);
    failing.mockRestore();
    await runtime.advance(1_000);
    expect(await delivered(store)).toBe(3);
  });

  test('an outcome whose delivery another process took over after the lease changes nothing', async () => {
    const here = world();
    const { runtime, store } = here;
    await store.accept([makeEvent()], ROOMY);
    const full = jest.spyOn(store, 'settle').mockRejectedValue(new StoreUnavailableError('full', false));
    await startWorker(here);
    await runtime.advance(61_000);
    const taken = await store.claimDue({ destination: 'ads', limit: 1, now: runtime.now(), leaseMs: 60_000 });
    expect(taken).toMatchObject({ claimed: [{ attempt: 2 }] });
    full.mockRestore();
    await runtime.advance(2_000);
    expect((await store.listDeliveries({ limit: 1 })).data).toMatchObject([{ status: 'delivering', attempts: 2 }]);
  });
});

test('replays take at most half of the places: a live event goes out while all of them hang', async () => {
  const here = world(4);
  const { runtime, store, destination } = here;
  await store.accept(makeEvents(10), ROOMY);
  destination.answering = () => status(400);
  await startWorker(here);
  await runtime.advance(1_000);
  const dead = (await store.listDeliveries({ status: 'dead', limit: 100 })).data.map(({ deliveryId }) => deliveryId);
  expect(dead).toHaveLength(10);

  const asked = destination.calls.length;
  let release: (answer: UpstreamAnswer) => void = () => undefined;
  const hanging = new Promise<UpstreamAnswer>((resolve) => (release = resolve));
  destination.answering = ([parcel]) => (parcel?.attempt === 1 ? yes : hanging);
  await store.replay({ deliveryIds: dead, at: runtime.now(), from: ['dead'], actor: 'ann' });
  await runtime.advance(2_000);
  expect(destination.calls.length - asked).toBe(2);

  await store.accept([makeEvent({ eventId: uuid(99) })], ROOMY);
  await runtime.advance(1_000);
  expect((await store.find({ eventId: uuid(99), clientId: null }))?.status).toBe('delivered');
  release(yes);
  await runtime.advance(1_000);
  expect(await delivered(store)).toBe(11);
});

test('with one place a replay may take it', async () => {
  const here = world(1);
  const { runtime, store, destination } = here;
  await store.accept([makeEvent()], ROOMY);
  destination.answering = (_parcels, call) => (call === 0 ? status(422) : yes);
  await startWorker(here);
  await runtime.advance(1_000);
  await store.replay({ deliveryIds: [100], at: runtime.now(), from: ['dead'], actor: 'ann' });
  await runtime.advance(1_000);
  expect(await delivered(store)).toBe(1);
  expect(await store.possibleDuplicates()).toEqual([{ destination: 'ads', reason: 'operator_replay', count: 1 }]);
});

test('410 to three events holds the destination, over a restart too, until an operator resumes it', async () => {
  const here = world(1);
  const { runtime, store, destination } = here;
  await store.accept(makeEvents(5), ROOMY);
  destination.answering = () => status(410);
  const first = await startWorker(here);
  await runtime.advance(120_000);
  expect(destination.calls).toHaveLength(3);
  await runtime.until(first.stop());

  destination.answering = () => yes;
  const second = await startWorker(here);
  await runtime.advance(120_000);
  expect(destination.calls).toHaveLength(3);
  expect(second.holds.of('ads')).toMatchObject({ kind: 'gone' });
  await second.holds.resume('ads', 'ann');
  await runtime.advance(1_000);
  expect(await delivered(store)).toBe(5);
});

test('possible duplicates are counted by their reason', async () => {
  const here = world(1);
  const { runtime, store, destination } = here;
  await store.accept([makeEvent()], ROOMY);
  destination.answering = (_parcels, call) => {
    if (call === 0) return { kind: 'failure', code: 'ECONNRESET', mayHaveBeenProcessed: true };
    if (call === 1) return { kind: 'failure', code: 'ECONNREFUSED', mayHaveBeenProcessed: false };
    if (call === 2) return { kind: 'failure', code: 'attempt_timeout', mayHaveBeenProcessed: true };
    return yes;
  };
  // A process before this one took it, and was never heard of again.
  await store.claimDue({ destination: 'ads', limit: 1, now: 0, leaseMs: 1 });
  await startWorker(here);
  await runtime.advance(30_000);
  expect(await delivered(store)).toBe(1);
  const reasons = (await store.possibleDuplicates()).map(({ reason, count }) => [reason, count]);
  expect(reasons).toEqual([
    ['answer_late', 1],
    ['answer_lost', 1],
    ['lease_expired', 1],
  ]);
});

test('a scheduled event waits for its time, over a restart too, and is then sent', async () => {
  const here = world();
  const { runtime, store, destination } = here;
  const deliverAt = runtime.now() + 600_000;
  await store.accept([makeEvent({ deliverAt, dueAt: deliverAt })], ROOMY);
  const first = await startWorker(here);
  await runtime.advance(300_000);
  await runtime.until(first.stop());
  await startWorker(here);
  await runtime.advance(300_000 - 1);
  expect(destination.calls).toEqual([]);
  await runtime.advance(1);
  expect(destination.calls).toHaveLength(1);
});
