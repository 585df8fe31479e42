import { makeEvent, ROOMY } from '../../../test/contract/store-fixtures';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { distrustProbeAfterFailure, guardAgainstFailedFsync } from './guarded-store';

const failsWith = (isFsyncFailure: boolean) => async () =>
  Promise.reject(new StoreUnavailableError('x', isFsyncFailure));

test('an ordinary failure passes through, and the store goes on', async () => {
  const store = new MemoryEventStore();
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  jest.spyOn(store.events, 'accept').mockImplementationOnce(failsWith(false));
  await expect(guarded.events.accept([makeEvent()], ROOMY)).rejects.toThrow(StoreUnavailableError);
  expect(await guarded.events.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'inserted' }]);
  expect(fatal).toEqual([]);
});

test('after a failed fsync it says so once and refuses every verb, though the disk would take them', async () => {
  const store = new MemoryEventStore();
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  jest.spyOn(store.deliveries, 'settle').mockImplementation(failsWith(true));
  await expect(
    Promise.allSettled([guarded.deliveries.settle([]), guarded.deliveries.settle([])]),
  ).resolves.toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(fatal).toHaveLength(1);
  await expect(guarded.events.accept([makeEvent()], ROOMY)).rejects.toMatchObject({ isFsyncFailure: true });
  await expect(guarded.upkeep.check()).rejects.toThrow(StoreUnavailableError);
  expect(await store.deliveries.list({ limit: 1 })).toEqual({ data: [], nextCursor: null });
  await guarded.upkeep.close();
});

test('what was under way when an fsync failed is refused too, although it may be stored', async () => {
  const store = new MemoryEventStore();
  let fail: (error: Error) => void = () => undefined;
  let answer: () => void = () => undefined;
  jest.spyOn(store.deliveries, 'settle').mockReturnValue(new Promise((_resolve, reject) => (fail = reject)));
  jest.spyOn(store.events, 'accept').mockReturnValue(new Promise((resolve) => (answer = () => resolve([]))));
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  const settling = guarded.deliveries.settle([]);
  const accepting = guarded.events.accept([], ROOMY);
  fail(new StoreUnavailableError('EIO', true));
  await expect(settling).rejects.toThrow('EIO');
  answer();
  await expect(accepting).rejects.toThrow('EIO');
  expect(fatal).toHaveLength(1);
});

function doubted() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const store = new MemoryEventStore();
  return { runtime, store, watched: distrustProbeAfterFailure(store, runtime) };
}

const full = async () => Promise.reject(new StoreUnavailableError('full', false));

test('a probe that is committed is not believed after an event that was not, until another one is', async () => {
  const { store, watched } = doubted();
  await watched.upkeep.check();
  jest.spyOn(store.events, 'accept').mockImplementationOnce(full);
  await expect(watched.events.accept([makeEvent()], ROOMY)).rejects.toThrow('full');
  await expect(watched.upkeep.check()).rejects.toThrow('full');
  expect(await watched.events.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'inserted' }]);
  await watched.upkeep.check();
});

test('where no event comes any more, as to one that is not ready, the probe decides again after a while', async () => {
  const { runtime, store, watched } = doubted();
  jest.spyOn(store.events, 'accept').mockImplementationOnce(full);
  await expect(watched.events.accept([makeEvent()], ROOMY)).rejects.toThrow('full');
  await runtime.advance(4_999);
  await expect(watched.upkeep.check()).rejects.toThrow('full');
  await runtime.advance(1);
  await watched.upkeep.check();
  jest.spyOn(store.upkeep, 'check').mockImplementationOnce(full);
  await expect(watched.upkeep.check()).rejects.toThrow('full');
});
