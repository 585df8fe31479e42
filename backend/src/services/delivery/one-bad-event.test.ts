import { makeEvent, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, status, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../external-services/memory-event-store';
import type { DestinationContract, Parcel, UpstreamAnswer } from '../../interfaces/destination';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';

/** An event that its destination answers badly while it takes all others: neither waits for the other. */

const COOLDOWN_MS = 5_000;
const RETRY_FOR_MS = 40_000;
const ATTEMPT_TIMEOUT_MS = 2_000;
const HOUR_MS = 3_600_000;
const running: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

type Answering = (signal: AbortSignal) => UpstreamAnswer | Promise<UpstreamAnswer>;

const hang: Answering = (signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () =>
      resolve({ kind: 'failure', code: String(signal.reason), mayHaveBeenProcessed: true }),
    );
  });

interface Settings {
  readonly concurrency?: number;
  readonly contract?: Partial<DestinationContract>;
}

async function world({ concurrency = 4, contract }: Settings = {}) {
  const runtime = new SimulatedRuntime({ seed: 7 });
  const store = new MemoryEventStore();
  const destination = new ScriptedDestination({ name: 'ads', concurrency, ...(contract && { contract }) });
  const poisoned = new Set<string>();
  const poison = { answer: (() => status(403)) as Answering };
  const acceptedAt = new Map<string, number>();
  const delays = new Map<string, number>();
  const has = (parcels: readonly Parcel[]) => parcels.some(({ eventId }) => poisoned.has(eventId));
  destination.answering = (parcels, _call, signal) => {
    if (has(parcels)) return poison.answer(signal);
    for (const { eventId } of parcels) delays.set(eventId, runtime.monotonic() - (acceptedAt.get(eventId) ?? 0));
    return yes;
  };
  const settings = {
    ...{ leaseMs: 60_000, attemptTimeoutMs: ATTEMPT_TIMEOUT_MS, drainMs: 1_000 },
    schedule: { baseMs: 1_000, maxMs: HOUR_MS, forMs: RETRY_FOR_MS },
  };
  const makeWorker = async () => {
    const parts = { destinations: [destination], store, runtime, feed: new EventFeed(), log: silentLog };
    const worker = new DeliveryWorker({ ...parts, settings, circuitCooldownMs: COOLDOWN_MS });
    await worker.start();
    running.push(() => runtime.until(worker.stop()));
    return worker;
  };
  let worker = await makeWorker();
  let made = 0;
  const post = async (isPoisoned = false): Promise<string> => {
    made += 1;
    const eventId = uuid(made);
    if (isPoisoned) poisoned.add(eventId);
    acceptedAt.set(eventId, runtime.monotonic());
    const eventTimeSeconds = Math.floor(runtime.now() / 1000);
    await store.accept([makeEvent({ eventId, dueAt: runtime.now(), eventTimeSeconds })], ROOMY);
    worker.nudge('ads');
    return eventId;
  };
  /** Five good events a second. */
  const postFor = async (ms: number) => {
    for (let left = ms; left > 0; left -= 200) {
      await post();
      await runtime.advance(200);
    }
  };
  const restart = async () => {
    await running.pop()?.();
    worker = await makeWorker();
  };
  const deliveryOf = async (eventId: string) =>
    (await store.find({ eventId, clientId: null }))?.deliveries.find(({ destination: name }) => name === 'ads');
  const outcomes = async (eventId: string) =>
    (await store.attempts({ eventId, clientId: null }))?.map(({ outcome }) => outcome);
  const slowest = () => Math.max(...delays.values());
  const circuit = () => worker.circuits()['ads'];
  const hold = () => worker.holds.of('ads');
  const worst = () => ({ isAllDelivered: delays.size === made - poisoned.size, slowestMs: slowest() });
  return { runtime, store, destination, poison, post, postFor, restart, deliveryOf, outcomes, worst, circuit, hold };
}

const retryAfter30 = { 'retry-after': '30' };
const exhausted = { status: 'dead', deadReason: 'retries_exhausted' };
const refused = { status: 'dead', deadReason: 'rejected' };

describe.each([
  { row: '403', answer: () => status(403), end: exhausted, withinMs: 250 },
  { row: '401', answer: () => status(401), end: exhausted, withinMs: 250 },
  { row: '410', answer: () => status(410), end: refused, withinMs: 250 },
  { row: '413', answer: () => status(413), end: refused, withinMs: 250 },
  { row: '429', answer: () => status(429), end: exhausted, withinMs: 250 },
  { row: '429 with Retry-After', answer: () => status(429, retryAfter30), end: exhausted, withinMs: COOLDOWN_MS },
  { row: '500', answer: () => status(500), end: exhausted, withinMs: 250 },
  { row: '503 with Retry-After', answer: () => status(503, retryAfter30), end: exhausted, withinMs: COOLDOWN_MS },
  { row: 'attempt timeout', answer: hang, end: exhausted, withinMs: 250 },
])('one event that is answered $row', ({ answer, end, withinMs }) => {
  test('delays no other, and ends by its own limit', async () => {
    const here = await world();
    here.poison.answer = answer;
    await here.postFor(2_000);
    const bad = await here.post(true);
    await here.postFor(RETRY_FOR_MS + 20_000);
    const { isAllDelivered, slowestMs } = here.worst();
    expect(isAllDelivered).toBe(true);
    expect(slowestMs).toBeLessThanOrEqual(withinMs);
    expect(await here.deliveryOf(bad)).toMatchObject(end);
    expect(here.circuit()?.state).toBe('CLOSED');
    expect(here.hold()).toBeNull();
  });

  test('as the first event of all, and with one place, delays no other by more than one call', async () => {
    const here = await world({ concurrency: 1 });
    here.poison.answer = answer;
    const bad = await here.post(true);
    await here.postFor(RETRY_FOR_MS + 20_000);
    const { isAllDelivered, slowestMs } = here.worst();
    expect(isAllDelivered).toBe(true);
    expect(slowestMs).toBeLessThanOrEqual(Math.max(withinMs, ATTEMPT_TIMEOUT_MS));
    expect(await here.deliveryOf(bad)).toMatchObject(end);
  });

  test('in batches takes none of its company with it', async () => {
    const here = await world({ contract: { maxBatch: 50, batchMode: 'atomic' } });
    here.poison.answer = answer;
    const bad = [await here.post(true)];
    for (let count = 0; count < 30; count += 1) await here.post();
    bad.push(await here.post(true));
    for (let count = 0; count < 30; count += 1) await here.post();
    await here.postFor(RETRY_FOR_MS + 60_000);
    expect(here.worst().isAllDelivered).toBe(true);
    for (const eventId of bad) expect(await here.deliveryOf(eventId)).toMatchObject(end);
  });
});

describe.each([401, 403])('a destination that answers %i to everything', (code) => {
  test('is held and burns no attempt, over hours and a restart, and goes on by itself once it is mended', async () => {
    const here = await world();
    const { runtime, destination } = here;
    const mended = destination.answering;
    destination.answering = () => status(code);
    const ids = [await here.post(), await here.post(), await here.post(), await here.post(), await here.post()];
    await runtime.advance(HOUR_MS);
    expect(here.circuit()?.state).toBe('OPEN');
    expect(here.hold()).toMatchObject({ kind: 'unauthorized' });
    await here.restart();
    await runtime.advance(HOUR_MS);
    for (const eventId of ids) {
      expect((await here.deliveryOf(eventId))?.status).toBe('pending');
      expect(new Set(await here.outcomes(eventId))).toEqual(new Set(['held']));
    }
    // One probe at a time, every 15 s at the most often.
    expect(destination.calls.length).toBeLessThan((2 * HOUR_MS) / 13_000);
    destination.answering = mended;
    await runtime.advance(16_000);
    for (const eventId of ids) expect((await here.deliveryOf(eventId))?.status).toBe('delivered');
    expect(here.hold()).toBeNull();
  });
});

test('a refused event alone is held like a destination that refuses everything, until another shows that it is alone', async () => {
  const here = await world();
  const bad = await here.post(true);
  await here.runtime.advance(10 * 60_000);
  expect(here.hold()).toMatchObject({ kind: 'unauthorized' });
  expect(new Set(await here.outcomes(bad))).toEqual(new Set(['held']));
  await here.post();
  await here.runtime.advance(100);
  expect(here.worst()).toMatchObject({ isAllDelivered: true, slowestMs: 0 });
  expect(here.hold()).toBeNull();
  await here.runtime.advance(RETRY_FOR_MS + 20_000);
  expect(await here.deliveryOf(bad)).toMatchObject(exhausted);
});

test('three poisoned events in a row cost the others one cooldown, and are then known', async () => {
  const here = await world();
  for (let count = 0; count < 3; count += 1) await here.post(true);
  await here.postFor(RETRY_FOR_MS + 20_000);
  const { isAllDelivered, slowestMs } = here.worst();
  expect(isAllDelivered).toBe(true);
  expect(slowestMs).toBeLessThanOrEqual(COOLDOWN_MS);
  expect(here.circuit()?.state).toBe('CLOSED');
  expect((await here.store.countByStatus()).find(({ status: standing }) => standing === 'dead')?.count).toBe(3);
});

test('a poisoned event that is replayed is known by its first refusal, and delays no other', async () => {
  const here = await world({ concurrency: 1 });
  const bad = await here.post(true);
  await here.postFor(RETRY_FOR_MS + 20_000);
  const { deliveryId = 0 } = (await here.deliveryOf(bad)) ?? {};
  await here.store.replay({ deliveryIds: [deliveryId], at: here.runtime.now(), from: ['dead'], actor: 'ann' });
  await here.postFor(RETRY_FOR_MS + 20_000);
  expect(here.worst()).toMatchObject({ isAllDelivered: true, slowestMs: 0 });
  expect(await here.deliveryOf(bad)).toMatchObject(exhausted);
});

test('a restart forgets whose fault it was, and costs one more probe', async () => {
  const here = await world();
  const bad = await here.post(true);
  await here.postFor(10_000);
  await here.restart();
  await here.postFor(RETRY_FOR_MS + 10_000);
  expect(here.worst()).toMatchObject({ isAllDelivered: true, slowestMs: 0 });
  expect(await here.deliveryOf(bad)).toMatchObject(exhausted);
  expect((await here.outcomes(bad))?.filter((outcome) => outcome === 'held')).toHaveLength(2);
});

test('410 to three events is the word of the destination: only an operator ends it', async () => {
  const here = await world({ concurrency: 1 });
  here.poison.answer = () => status(410);
  await here.post(true);
  await here.runtime.advance(1_000);
  expect(here.hold()).toMatchObject({ kind: 'gone' });
  expect(await here.store.holds()).toEqual([]);
  await here.post(true);
  await here.post(true);
  await here.runtime.advance(1_000);
  expect(await here.store.holds()).toMatchObject([{ kind: 'gone' }]);
  await here.post();
  await here.runtime.advance(HOUR_MS / 2);
  expect(here.destination.calls).toHaveLength(3);
});

test('a pause that two events were asked for is obeyed in full', async () => {
  const here = await world({ concurrency: 1 });
  here.poison.answer = () => status(429, retryAfter30);
  await here.post(true);
  await here.post(true);
  await here.runtime.advance(1_000);
  await here.post();
  await here.runtime.advance(33_000);
  expect(here.destination.calls).toHaveLength(2);
  await here.runtime.advance(3_000);
  expect(here.worst().isAllDelivered).toBe(true);
});

test('the external event API, whose circuit opens at three failures: neighbours of a poisoned event are not delayed', async () => {
  const circuit = { failuresInWindow: 3, windowMs: 30_000, probesToClose: 5 };
  const here = await world({ contract: { circuit } });
  here.poison.answer = () => status(503);
  for (let round = 0; round < 5; round += 1) {
    await here.post(true);
    await here.postFor(2_000);
  }
  await here.postFor(RETRY_FOR_MS);
  expect(here.worst()).toMatchObject({ isAllDelivered: true });
  expect(here.worst().slowestMs).toBeLessThan(250);
});
