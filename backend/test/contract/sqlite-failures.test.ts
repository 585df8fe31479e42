import type { SqliteConnection } from '../../src/external-services/stores/sqlite/connection';
import { openConnection } from '../../src/external-services/stores/sqlite/connection';
import { toStoreError } from '../../src/external-services/stores/sqlite/driver';
import { sqliteEventStore } from '../../src/external-services/stores/sqlite/sqlite-event-store';
import { migrate, shippedMigrations } from '../../src/external-services/stores/sqlite/migrations';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import { expectNoFaults } from './event-store-contract';
import {
  acceptKinds,
  claim,
  claimOne,
  delivered,
  makeEvent,
  makeEvents,
  ROOMY,
  uuid,
  verifiedBy,
} from './store-fixtures';
import { faultsIn, newPath, removeFiles, silentLog } from './sqlite-files';

const opened: SqliteConnection[] = [];

afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  await removeFiles();
});

/** A store, and the connection under it: troubles are made there, by SQLite's own means. */
async function openWithConnection(path = newPath(), busyTimeoutMs = 50) {
  const options = { path, log: silentLog, runtime: systemRuntime, busyTimeoutMs };
  const connection = await openConnection(options);
  opened.push(connection);
  migrate(connection, shippedMigrations(), silentLog);
  const store = verifiedBy(sqliteEventStore(connection, options), () => faultsIn(path));
  return { path, connection, database: connection.database, store };
}

async function unavailable(call: Promise<unknown>, message: RegExp): Promise<void> {
  await expect(call).rejects.toThrow(message);
  await expect(call).rejects.toBeInstanceOf(StoreUnavailableError);
}

describe('a full disk', () => {
  it('refuses the whole call, keeps what was there, and serves again once there is room', async () => {
    const { store, database } = await openWithConnection();
    await store.events.accept([makeEvent()], ROOMY);
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number };
    database.exec(`PRAGMA max_page_count = ${pages}`);
    const many = makeEvents(300, (number) => ({ eventId: uuid(number + 1) }));
    for (let round = 0; round < 3; round += 1) await unavailable(store.events.accept(many, ROOMY), /full/);
    expect((await store.events.list({ clientId: null, limit: 10 })).data).toHaveLength(1);
    await expectNoFaults(store);
    database.exec('PRAGMA max_page_count = 1000000');
    expect(await acceptKinds(store, many)).toEqual(many.map(() => 'inserted'));
    expect(await store.events.points('user-1')).toEqual([{ eventName: 'purchase', count: 301 }]);
    await expectNoFaults(store);
  });
});

describe('a file that cannot be written', () => {
  it('refuses to change, goes on reading, and writes again when it can', async () => {
    const { store, database } = await openWithConnection();
    await store.events.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    database.exec('PRAGMA query_only = ON');
    await unavailable(store.events.accept([makeEvent({ eventId: uuid(2) })], ROOMY), /read-only/);
    await unavailable(store.deliveries.settle([delivered(taken)]), /read-only/);
    await unavailable(claim(store, { now: 1e9 }), /read-only/);
    await unavailable(store.upkeep.check(), /read-only/);
    expect((await store.events.find(makeEvent().event))?.status).toBe('pending');
    database.exec('PRAGMA query_only = OFF');
    expect(await store.deliveries.settle([delivered(taken)])).toEqual(['applied']);
    await store.upkeep.check();
    await expectNoFaults(store);
  });
});

describe('a file that another process has locked', () => {
  it('is unavailable after the busy timeout, and serves again when the lock is gone', async () => {
    const { store, path } = await openWithConnection();
    const other = await openWithConnection(path);
    other.database.exec('BEGIN IMMEDIATE');
    await unavailable(store.events.accept([makeEvent()], ROOMY), /locked/);
    expect(await store.events.find(makeEvent().event)).toBeNull();
    other.database.exec('ROLLBACK');
    expect(await acceptKinds(store, [makeEvent()])).toEqual(['inserted']);
  });
});

describe('a transaction that fails in the middle', () => {
  it('leaves nothing behind, whatever the error', async () => {
    const { store, connection, database } = await openWithConnection();
    await store.events.accept([makeEvent()], ROOMY);
    const defect = new Error('a defect');
    expect(() =>
      connection.write(() => {
        database.exec('DELETE FROM deliveries');
        throw defect;
      }),
    ).toThrow(defect);
    expect(database.isTransaction).toBe(false);
    await expectNoFaults(store);
    expect((await claim(store)).claimed).toHaveLength(1);
  });

  it('is cleared away before the next one, where even its rollback failed', async () => {
    const { store, database } = await openWithConnection();
    database.exec('BEGIN IMMEDIATE; INSERT INTO probes (id, count) SELECT 1, 1 WHERE 0');
    expect(await acceptKinds(store, [makeEvent()])).toEqual(['inserted']);
    expect(database.isTransaction).toBe(false);
  });

  it('cannot leave a delivery in a state that there is not', async () => {
    const { store, database } = await openWithConnection();
    await store.events.accept([makeEvent()], ROOMY);
    for (const change of [
      `status = 'sent'`,
      `status = 'delivered'`,
      `status = 'delivered', delivered_at = 5`,
      `status = 'dead', due_at = NULL`,
      `status = 'delivering'`,
      `due_at = NULL`,
      `dead_reason = 'rejected'`,
      `attempts = attempt_limit + 1`,
      `attempts = -1`,
      `is_replay = 2`,
    ]) {
      expect(() => database.exec(`UPDATE deliveries SET ${change}`)).toThrow(/CHECK/);
    }
    expect(() =>
      database.exec(`DELETE FROM events; INSERT INTO attempts VALUES (999, 1, 1, 1, 'held', 1, '', '', '')`),
    ).toThrow(/FOREIGN KEY/);
  });
});

describe('the errors of SQLite', () => {
  it.each([
    [13, 'full', false],
    [8, 'read-only', false],
    [1032, 'read-only', false],
    [10, 'I/O error', false],
    [266, 'I/O error', false],
    [1034, 'I/O error', true],
    [1290, 'I/O error', true],
    [14, 'cannot be opened', false],
    [5, 'locked', false],
    [261, 'locked', false],
    [11, 'corrupt', false],
    [26, 'not a database', false],
  ])('code %d is "%s"; after a failed fsync the process must stop: %s', (errcode, message, isFsyncFailure) => {
    const cause = Object.assign(new Error('reason'), { code: 'ERR_SQLITE_ERROR', errcode });
    const error = toStoreError(cause) as StoreUnavailableError;
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ isFsyncFailure, cause, message: expect.stringContaining(message) });
  });

  it.each([1, 19, 2067, 3091, 20, 25])('code %d is a defect of ours and stays what it is', (errcode) => {
    const cause = Object.assign(new Error('reason'), { errcode });
    expect(toStoreError(cause)).toBe(cause);
    expect(toStoreError('text')).toBe('text');
    expect(toStoreError(null)).toBeNull();
  });
});
