import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from '../../src/external-services/stores/sqlite/connection';
import { migrate, shippedMigrations } from '../../src/external-services/stores/sqlite/migrations';
import { systemRuntime } from '../../src/external-services/system-runtime';
import type { MigratorArguments } from './dying-migrator';
import { makeEvent, ROOMY } from './store-fixtures';
import { newFolder, newPath, openStore, removeFiles, silentLog } from './sqlite-files';

afterEach(removeFiles);

const ONE = 'CREATE TABLE one (a INTEGER) STRICT;';
const TWO = 'CREATE TABLE two (a INTEGER) STRICT; INSERT INTO two VALUES (1);';

function folderOf(files: Record<string, string>): string {
  const folder = join(newFolder(), 'migrations');
  mkdirSync(folder);
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(folder, name), sql);
  return folder;
}

async function withConnection<T>(path: string, work: (run: (folder: string) => void, read: Reader) => T): Promise<T> {
  const connection = await openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 2000 });
  try {
    const read: Reader = (sql) =>
      connection.database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row as object));
    return work((folder) => migrate(connection, folder, silentLog), read);
  } finally {
    connection.close();
  }
}

type Reader = (sql: string) => unknown[][];
const TABLES = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`;
const APPLIED = 'SELECT number, name FROM schema_migrations ORDER BY number';

describe('migrations', () => {
  it('are run in order, each once, and noted', async () => {
    const path = newPath();
    const first = folderOf({ '0001-one.sql': ONE });
    const both = folderOf({ '0001-one.sql': ONE, '0002-two.sql': TWO, 'README.md': 'not SQL' });
    await withConnection(path, (run, read) => {
      run(first);
      run(first);
      expect(read(APPLIED)).toEqual([[1, '0001-one.sql']]);
      run(both);
      run(both);
      expect(read(APPLIED)).toEqual([
        [1, '0001-one.sql'],
        [2, '0002-two.sql'],
      ]);
      expect(read('SELECT * FROM two')).toEqual([[1]]);
    });
  });

  it('leave nothing behind when one fails, and go on from there once it is mended', async () => {
    const path = newPath();
    const broken = folderOf({ '0001-one.sql': ONE, '0002-two.sql': `${TWO} INSERT INTO nowhere VALUES (1);` });
    const mended = folderOf({ '0001-one.sql': ONE, '0002-two.sql': TWO });
    await withConnection(path, (run, read) => {
      expect(() => run(broken)).toThrow('nowhere');
      expect(read(TABLES)).toEqual([['one'], ['schema_migrations']]);
      run(mended);
      expect(read('SELECT * FROM two')).toEqual([[1]]);
    });
  });

  it('go on after the process was killed in the middle of one', async () => {
    const path = newPath();
    const deadly = folderOf({ '0001-one.sql': ONE, '0002-two.sql': `${TWO} SELECT die();` });
    const args: MigratorArguments = [path, deadly];
    const migrator = join(__dirname, 'dying-migrator.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', migrator, ...args], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    await withConnection(path, (run, read) => {
      expect(read(TABLES)).toEqual([['one'], ['schema_migrations']]);
      run(folderOf({ '0001-one.sql': ONE, '0002-two.sql': TWO }));
      expect(read('SELECT * FROM two')).toEqual([[1]]);
    });
  });

  it.each([
    [
      'was changed after it had been applied',
      { '0001-one.sql': `${ONE}\n-- now with a comment` },
      '0001-one.sql was changed',
    ],
    ['is missing in between', { '0001-one.sql': ONE, '0003-two.sql': TWO }, 'number 2 is expected'],
    ['has a number that is taken', { '0001-one.sql': ONE, '0001-two.sql': TWO }, 'number 2 is expected'],
    ['does not start at 1', { '0002-two.sql': TWO }, 'number 1 is expected'],
    ['has a name of another form', { '0001-one.sql': ONE, '2-two.sql': TWO }, 'a name is like'],
    ['is known to the database alone', {}, 'newer than this version'],
  ])('are refused when one %s', async (_title, files, message) => {
    const path = newPath();
    await withConnection(path, (run, read) => {
      run(folderOf({ '0001-one.sql': ONE }));
      expect(() => run(folderOf(files))).toThrow(message);
      expect(read(TABLES)).toEqual([['one'], ['schema_migrations']]);
    });
  });

  it('are the same with other line ends', async () => {
    const path = newPath();
    await withConnection(path, (run, read) => {
      run(folderOf({ '0001-one.sql': 'CREATE TABLE one (\n  a INTEGER\n);\n' }));
      run(folderOf({ '0001-one.sql': 'CREATE TABLE one (\r\n  a INTEGER\r\n);\r\n' }));
      expect(read(APPLIED)).toHaveLength(1);
    });
  });

  it('give a store that has no mark of the clock one: when its newest event was accepted', async () => {
    const path = newPath();
    const first = '0001-event-store.sql';
    const migrationsDir = folderOf({ [first]: readFileSync(join(shippedMigrations(), first), 'utf8') });
    await withConnection(path, (run, read) => {
      run(migrationsDir);
      const insert = `INSERT INTO events (event_id, client_id, user_id, event_name, event_time_seconds, accepted_at, delivery_count,
        fingerprint) VALUES (?1, 'c', 'u', 'login', 0, ?1, 0, zeroblob(32)) RETURNING id`;
      for (const acceptedAt of [7, 5]) expect(read(insert.replaceAll('?1', String(acceptedAt)))).toHaveLength(1);
    });
    const store = await openStore({ path });
    expect(await store.upkeep.heartbeat()).toEqual({ seenAt: 5, steadyMs: 86_400_000 });
  });

  it('count the possible duplicates of a store that has not counted them', async () => {
    const path = newPath();
    const names = ['0001-event-store.sql', '0002-clock-mark.sql'];
    const before = names.map((name) => [name, readFileSync(join(shippedMigrations(), name), 'utf8')]);
    await withConnection(path, (run, read) => {
      run(folderOf(Object.fromEntries(before)));
      for (const [id, destination] of ['ads', 'crm'].entries()) {
        read(`INSERT INTO deliveries (id, destination, status, attempts, attempt_limit, tries, is_replay, delivered_at, checksum, payload)
          VALUES (${id}, '${destination}', 'delivered', 3, 9, 3, 0, 1, zeroblob(32), x'')`);
        for (const [number, reason] of ['answer_lost', 'answer_lost', null].entries()) {
          read(`INSERT INTO attempts (delivery_id, number, started_at, duration_ms, outcome, possible_duplicate)
            VALUES (${id}, ${number + 1}, 0, 0, 'retryable', ${reason === null ? 'NULL' : `'${reason}'`})`);
        }
      }
    });
    expect(await (await openStore({ path })).deliveries.possibleDuplicates()).toEqual([
      { destination: 'ads', reason: 'answer_lost', count: 2 },
      { destination: 'crm', reason: 'answer_lost', count: 2 },
    ]);
  });

  it('refuse a database that a newer version of the program has opened', async () => {
    const path = newPath();
    const shipped = shippedMigrations();
    const files = Object.fromEntries(
      readdirSync(shipped).map((name) => [name, readFileSync(join(shipped, name), 'utf8')]),
    );
    const next = `000${Object.keys(files).length + 1}-next.sql`;
    const newer = await openStore({ path, migrationsDir: folderOf({ ...files, [next]: ONE }) });
    await newer.events.accept([makeEvent()], ROOMY);
    await newer.upkeep.close();
    await expect(openStore({ path })).rejects.toThrow(next);
  });

  it('are done by one of several that open a new file at once', async () => {
    const path = newPath();
    const stores = await Promise.all([openStore({ path }), openStore({ path }), openStore({ path })]);
    for (const store of stores) await store.upkeep.check();
    await withConnection(path, (_run, read) => {
      expect(read(APPLIED)).toEqual(readdirSync(shippedMigrations()).map((name, index) => [index + 1, name]));
      expect(read('SELECT count FROM probes')).toEqual([[3]]);
    });
  });
});
