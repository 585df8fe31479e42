import { makeEvent, ROOMY } from '../../test/contract/store-fixtures';
import { StoreUnavailableError } from '../interfaces/event-store';
import { guardAgainstFailedFsync } from './fsync-guard';
import { MemoryEventStore } from './memory-event-store';

const failsWith = (isFsyncFailure: boolean) => async () =>
  Promise.reject(new StoreUnavailableError('x', isFsyncFailure));

test('an ordinary failure passes through, and the store goes on', async () => {
  const store = new MemoryEventStore();
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  jest.spyOn(store, 'accept').mockImplementationOnce(failsWith(false));
  await expect(guarded.accept([makeEvent()], ROOMY)).rejects.toThrow(StoreUnavailableError);
  expect(await guarded.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'inserted' }]);
  expect(fatal).toEqual([]);
});

test('after a failed fsync it says so once and refuses every verb, though the disk would take them', async () => {
  const store = new MemoryEventStore();
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  jest.spyOn(store, 'settle').mockImplementation(failsWith(true));
  await expect(Promise.allSettled([guarded.settle([]), guarded.settle([])])).resolves.toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' },
  ]);
  expect(fatal).toHaveLength(1);
  await expect(guarded.accept([makeEvent()], ROOMY)).rejects.toMatchObject({ isFsyncFailure: true });
  await expect(guarded.check()).rejects.toThrow(StoreUnavailableError);
  expect(await store.listDeliveries({ limit: 1 })).toEqual({ data: [], nextCursor: null });
  await guarded.close();
});

test('what was under way when an fsync failed is refused too, although it may be stored', async () => {
  const store = new MemoryEventStore();
  let fail: (error: Error) => void = () => undefined;
  let answer: () => void = () => undefined;
  jest.spyOn(store, 'settle').mockReturnValue(new Promise((_resolve, reject) => (fail = reject)));
  jest.spyOn(store, 'accept').mockReturnValue(new Promise((resolve) => (answer = () => resolve([]))));
  const fatal: Error[] = [];
  const guarded = guardAgainstFailedFsync(store, (error) => fatal.push(error));
  const settling = guarded.settle([]);
  const accepting = guarded.accept([], ROOMY);
  fail(new StoreUnavailableError('EIO', true));
  await expect(settling).rejects.toThrow('EIO');
  answer();
  await expect(accepting).rejects.toThrow('EIO');
  expect(fatal).toHaveLength(1);
});
