import { openThreadedEventStore } from '../../src/external-services/stores/sqlite/thread/threaded-event-store';
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import { describeEventStoreContract } from './event-store-contract';
import { faultsIn, newFolder, newPath, removeFiles, silentLog } from './sqlite-files';
import { makeEvent, ROOMY, verifiedBy } from './store-fixtures';

afterEach(removeFiles);

const open = async (path = newPath(), options = {}) => {
  const store = await openThreadedEventStore({ path, log: silentLog, ...options });
  return verifiedBy(store, () => faultsIn(path));
};

describeEventStoreContract('SqliteEventStore on a thread of its own', (options) => open(newPath(), options));

test('what cannot be opened is told as the store itself tells it', async () => {
  await expect(open(newFolder())).rejects.toThrow(/directory|unable to open|cannot/i);
});

test('after close every call is refused, and closing again is harmless', async () => {
  const store = await open();
  await store.upkeep.close();
  await store.upkeep.close();
  await expect(store.events.accept([makeEvent()], ROOMY)).rejects.toBeInstanceOf(StoreUnavailableError);
});

test('what was accepted on one thread is there for the next', async () => {
  const path = newPath();
  const event = makeEvent();
  const first = await open(path);
  await first.events.accept([event], ROOMY);
  await first.upkeep.close();
  const second = await open(path);
  expect(await second.events.accept([event], ROOMY)).toMatchObject([{ kind: 'duplicate' }]);
  await second.upkeep.close();
});
