import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openConnection } from '../../src/external-services/stores/sqlite/connection';
import { openSqliteEventStore } from '../../src/external-services/stores/sqlite/sqlite-event-store';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { faultsOf, makeDelivery, makeEvent, ROOMY } from './store-fixtures';
import { newFolder, newPath, openStore, removeFiles, silentLog } from './sqlite-files';

afterEach(removeFiles);

async function connect(path: string) {
  return openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 100 });
}

describe('a connection to the SQLite file', () => {
  it('fsyncs every commit, on a new file and on one that is opened again', async () => {
    const path = newPath();
    for (const _round of ['new', 'again', 'and again']) {
      const connection = await connect(path);
      connection.database.exec('CREATE TABLE IF NOT EXISTS t (a)');
      const pragmas = ['journal_mode', 'synchronous', 'foreign_keys', 'checkpoint_fullfsync'];
      const values = pragmas.map(
        (name) => Object.values(connection.database.prepare(`PRAGMA ${name}`).get() as object)[0],
      );
      expect(values).toEqual(['wal', 2, 1, 1]);
      connection.close();
    }
  });

  it('keeps it so while a second connection to the same file is open', async () => {
    const path = newPath();
    const [first, second] = [await connect(path), await connect(path)];
    first.database.exec('CREATE TABLE t (a)');
    for (const { database } of [first, second]) {
      database.prepare('SELECT count(*) FROM t').get();
      expect({ ...(database.prepare('PRAGMA synchronous').get() as object) }).toEqual({ synchronous: 2 });
    }
    first.close();
    second.close();
  });
});

describe('the SQLite file', () => {
  it('is made for this user alone, with the folders that lead to it', async () => {
    const path = join(newFolder(), 'a/b/gateway.db');
    const store = await openStore({ path });
    await store.upkeep.check();
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('holds everything after it was closed and opened again', async () => {
    const path = newPath();
    const first = await openStore({ path });
    await makeDelivery(first, 'dead');
    const key = makeEvent().event;
    const action = { at: 1, actor: 'operator', action: 'pause', detail: 'ads' };
    const hold = { destination: 'ads', kind: 'operator', since: 1, reason: 'r', actor: 'operator' } as const;
    await first.operator.setHold('ads', hold, action);
    const read = async (store: typeof first): Promise<unknown[]> => [
      await store.events.find(key),
      await store.events.attempts(key),
      await store.events.points('user-1'),
      await store.deliveries.countByStatus(),
      await store.operator.holds(),
      await store.operator.actions(10),
    ];
    const before = await read(first);
    await first.upkeep.close();
    const second = await openStore({ path });
    expect(await read(second)).toEqual(before);
    expect(await faultsOf(second)).toEqual([]);
    expect(await second.events.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'duplicate', status: 'dead' }]);
  });

  it.each(['', ':memory:', 'file::memory:?cache=shared'])(
    'is refused when it would be in memory: "%s"',
    async (path) => {
      await expect(openSqliteEventStore({ path, log: silentLog, runtime: systemRuntime })).rejects.toThrow(
        'needs the path of a file',
      );
    },
  );

  it('may have any name, also one that SQLite would read as a URI with options', async () => {
    const path = join(newFolder(), 'file:x?mode=memory&q=%41.db');
    const store = await openStore({ path });
    await store.upkeep.check();
    expect(statSync(path).size).toBeGreaterThan(0);
  });

  it('is refused with a clear error when it is something else', async () => {
    const folder = newFolder();
    const text = join(folder, 'text.db');
    writeFileSync(text, 'this is no database\n'.repeat(100));
    await expect(openStore({ path: text })).rejects.toMatchObject({ name: 'StoreUnavailableError' });
    const directory = join(folder, 'directory');
    mkdirSync(directory);
    await expect(openStore({ path: directory })).rejects.toThrow('EISDIR');
    const other = join(folder, 'other.db');
    const connection = await connect(other);
    connection.database.exec('CREATE TABLE notes (a)');
    connection.close();
    await expect(openStore({ path: other })).rejects.toThrow('belongs to another program');
  });
});
