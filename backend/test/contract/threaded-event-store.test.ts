import { openThreadedEventStore } from '../../src/external-services/sqlite/threaded-event-store';
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import { describeEventStoreContract } from './event-store-contract';
import { newFolder, newPath, removeFiles, silentLog } from './sqlite-files';
import { makeEvent, ROOMY } from './store-fixtures';

afterEach(removeFiles);

const open = (path = newPath(), options = {}) => openThreadedEventStore({ path, log: silentLog, ...options });

describeEventStoreContract('SqliteEventStore on a thread of its own', (options) => open(newPath(), options));

test('what cannot be opened is told as the store itself tells it', async () => {
  await expect(open(newFolder())).rejects.toThrow(/directory|unable to open|cannot/i);
});

test('after close every call is refused, and closing again is harmless', async () => {
  const store = await open();
  await store.close();
  await store.close();
  await expect(store.accept([makeEvent()], ROOMY)).rejects.toBeInstanceOf(StoreUnavailableError);
});

test('what was accepted on one thread is there for the next', async () => {
  const path = newPath();
  const event = makeEvent();
  const first = await open(path);
  await first.accept([event], ROOMY);
  await first.close();
  const second = await open(path);
  expect(await second.accept([event], ROOMY)).toMatchObject([{ kind: 'duplicate' }]);
  await second.close();
});
