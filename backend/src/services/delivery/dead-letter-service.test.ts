import { claim, delivered, makeEvents, makeRecord, rejected, ROOMY, uuid } from '../../../test/contract/store-fixtures';
import { ScriptedDestination } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import type { DestinationContract } from '../../interfaces/destination';
import type { PossibleDuplicateReason } from '../../types/delivery';
import { DeadLetterService, replayVerdict } from './dead-letter-service';

const DAY_MS = 86_400_000;
const NEVER = new AbortController().signal;
const CONTRACT = { maxAgeMs: 7 * DAY_MS, dedupWindowMs: 2 * DAY_MS };

test.each([
  ['never taken, young', 1, null, CONTRACT, 'replayable'],
  ['as old as it may be', 7, null, CONTRACT, 'replayable'],
  ['a second older', 7 + 1 / 86_400, null, CONTRACT, 'too_old'],
  ['any age, where there is no limit', 400, null, { ...CONTRACT, maxAgeMs: null }, 'replayable'],
  ['taken within the dedup window', 3, 2, CONTRACT, 'replayable'],
  ['taken before the dedup window', 3, 2 + 1e-6, CONTRACT, 'counts_twice'],
  ['taken by one that never recognises a repeat', 1, 0, { ...CONTRACT, dedupWindowMs: null }, 'counts_twice'],
  ['never taken by one that never recognises a repeat', 1, null, { ...CONTRACT, dedupWindowMs: null }, 'replayable'],
  ['for a destination that is not configured', 400, 399, null, 'replayable'],
] as const)('%s', (_name, ageDays, takenDaysAgo, contract, verdict) => {
  const now = 2_000_000_000_000;
  const eventTimeSeconds = (now - ageDays * DAY_MS) / 1000;
  const firstTakenAt = takenDaysAgo === null ? null : now - takenDaysAgo * DAY_MS;
  expect(replayVerdict({ eventTimeSeconds, firstTakenAt }, contract, now)).toBe(verdict);
});

/** A store with dead deliveries: `young` ones, `old` ones that are past the destination's age, `taken` ones that it may have had. */
async function world(counts: { young?: number; old?: number; taken?: number }, contract: Partial<DestinationContract>) {
  const runtime = new SimulatedRuntime({ seed: 3 });
  const store = new MemoryEventStore();
  const { young = 0, old = 0, taken = 0 } = counts;
  const seconds = runtime.now() / 1000;
  const isOld = (number: number): boolean => number > young && number <= young + old;
  await store.events.accept(
    makeEvents(young + old + taken, (number) => ({
      eventTimeSeconds: isOld(number) ? seconds - 864_000 : seconds - 60,
      acceptedAt: runtime.now(),
    })),
    ROOMY,
  );
  const { claimed } = await claim(store, { now: runtime.now(), limit: 10_000 });
  const possibleDuplicate: PossibleDuplicateReason = 'answer_lost';
  await store.deliveries.settle(
    claimed.map((delivery, index) => {
      const settlement = rejected(delivery);
      if (index < young + old) return settlement;
      const record = makeRecord({ startedAt: runtime.now() - 3 * DAY_MS, possibleDuplicate });
      return { ...settlement, record: { ...record, number: delivery.attempt } };
    }),
  );
  const nudged: string[] = [];
  const destinations = [new ScriptedDestination({ name: 'ads', contract })];
  const nudge = (destination: string) => void nudged.push(destination);
  const service = new DeadLetterService({ store, runtime, destinations: () => destinations, nudge });
  const ask = { filter: { status: 'dead' }, isDryRun: false, force: false, actor: 'ann' } as const;
  const statuses = async () =>
    Object.fromEntries((await store.deliveries.countByStatus()).map((row) => [row.status, row.count]));
  return { runtime, store, service, nudged, ask, statuses };
}

test('a dry run counts by the contract; a real one leaves alone what would be refused or count twice', async () => {
  const { runtime, store, service, nudged, ask, statuses } = await world({ young: 4, old: 3, taken: 2 }, CONTRACT);
  const counts = { matched: 9, tooOld: 3, countsTwice: 2 };
  const dry = await runtime.until(service.replay({ ...ask, isDryRun: true }, NEVER));
  expect(dry).toEqual({ ...counts, replayed: 0 });
  expect(await store.operator.actions(10)).toEqual([]);
  expect(nudged).toEqual([]);

  expect(await runtime.until(service.replay(ask, NEVER))).toEqual({ ...counts, replayed: 4 });
  expect(await statuses()).toEqual({ pending: 4, dead: 5 });
  expect(nudged).toEqual(['ads']);
  expect(await runtime.until(service.replay({ ...ask, force: true }, NEVER))).toMatchObject({
    matched: 5,
    replayed: 5,
  });
  expect(await statuses()).toEqual({ pending: 9 });
});

test('who asked, and for what, is recorded before anything moves', async () => {
  const { runtime, store, service, ask } = await world({ young: 1 }, CONTRACT);
  await runtime.until(service.replay({ ...ask, force: true }, NEVER));
  expect(await store.operator.actions(10)).toMatchObject([
    { actor: 'ann', action: 'replay', detail: '1 delivery: 100' },
    { actor: 'ann', action: 'replay', detail: 'asked for: {"status":"dead"} with force' },
  ]);
});

test('more than a chunk is replayed, each once; it ends when nobody waits for it any more', async () => {
  const { runtime, service, ask, statuses } = await world({ young: 450 }, CONTRACT);
  const gone = new AbortController();
  gone.abort();
  expect(await runtime.until(service.replay(ask, gone.signal))).toMatchObject({ matched: 200, replayed: 200 });
  expect(await runtime.until(service.replay(ask, NEVER))).toMatchObject({ matched: 250, replayed: 250 });
  expect(await statuses()).toEqual({ pending: 450 });
});

test('one event that would be refused or count twice is replayed only with force, and the answer says why', async () => {
  const { service } = await world({ old: 1, taken: 1 }, CONTRACT);
  const choice = { clientId: undefined, destination: undefined, actor: 'ann' };
  await expect(service.replayEvent({ ...choice, eventId: uuid(1) }, false)).rejects.toThrow(
    /ads would refuse it.*force/,
  );
  await expect(service.replayEvent({ ...choice, eventId: uuid(2) }, false)).rejects.toThrow(/count twice.*force/);
  expect(await service.replayEvent({ ...choice, eventId: uuid(1) }, true)).toMatchObject({ replayed: 1 });
  const other = { ...choice, eventId: uuid(2), destination: 'crm' };
  await expect(service.replayEvent(other, true)).rejects.toThrow('there is no delivery');
});

test("two clients' events of one id are told apart", async () => {
  const { store, service } = await world({ young: 1 }, CONTRACT);
  await store.events.accept(
    makeEvents(1, () => ({ clientId: 'client-b' })),
    ROOMY,
  );
  const { claimed } = await claim(store, { now: 1e13 });
  await store.deliveries.settle(claimed.map((taken) => delivered(taken)));
  const choice = { eventId: uuid(1), destination: undefined, actor: 'ann' };
  await expect(service.replayEvent({ ...choice, clientId: undefined }, true)).rejects.toThrow(
    /client-b, client-a|client-a, client-b/,
  );
  const { view } = await service.replayEvent({ ...choice, clientId: 'client-b' }, true);
  expect(view).toMatchObject({ event: { clientId: 'client-b' }, status: 'pending' });
});
