import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Log } from '../../../interfaces/log';
import type { Runtime } from '../../../interfaces/runtime';
import type { Database, NamedStatement, Statement } from './driver';
import { isBusy, openDatabase, toStoreError } from './driver';

/**
 * One connection whose every commit is durable: a write-ahead log that is fsynced before COMMIT returns. A new connection to
 * an existing file may start with less than that (it is compiled in), so it is set each time and read back.
 */

// A longer log between checkpoints writes a hot page once instead of many times; 4 000 pages are 16 MB.
const PRAGMAS = `
  PRAGMA synchronous = FULL;
  PRAGMA fullfsync = ON;
  PRAGMA checkpoint_fullfsync = ON;
  PRAGMA foreign_keys = ON;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -32768;
  PRAGMA temp_store = MEMORY;
  PRAGMA cell_size_check = ON;
  PRAGMA trusted_schema = OFF;
`;

export class SqliteConnection {
  private readonly begin: Statement;
  private readonly beginImmediate: Statement;
  private readonly commit: Statement;

  constructor(
    readonly database: Database,
    private readonly log: Log,
  ) {
    this.begin = this.prepare('BEGIN');
    this.beginImmediate = this.prepare('BEGIN IMMEDIATE');
    this.commit = this.prepare('COMMIT');
  }

  prepare<Row = never>(sql: string): Statement<Row> {
    return this.database.prepare(sql);
  }

  prepareNamed<Row>(sql: string): NamedStatement<Row> {
    const statement = this.database.prepare(sql);
    statement.setAllowUnknownNamedParameters(true);
    return statement;
  }

  /**
   * Runs `work` in a transaction that holds the write lock from its start, and commits it. When anything throws, nothing of
   * it stays and the connection can be used again; SQLite's own troubles come out as StoreUnavailableError.
   */
  write<T>(work: () => T): T {
    return this.inTransaction(this.beginImmediate, work);
  }

  /** Runs reads that see one state of the database. */
  read<T>(work: () => T): T {
    return this.inTransaction(this.begin, work);
  }

  close(): void {
    if (this.database.isOpen) this.database.close();
  }

  private inTransaction<T>(begin: Statement, work: () => T): T {
    try {
      // Only after a rollback that failed too; it must succeed before anything else may be written.
      if (this.database.isOpen && this.database.isTransaction) this.database.exec('ROLLBACK');
      begin.run();
      const result = work();
      this.commit.run();
      return result;
    } catch (error) {
      this.rollBack();
      throw toStoreError(error);
    }
  }

  private rollBack(): void {
    try {
      if (this.database.isOpen && this.database.isTransaction) this.database.exec('ROLLBACK');
    } catch (error) {
      this.log.error({ err: error }, 'store.rollback_failed');
    }
  }
}

/** Opens the file, making it when there is none, and asserts that commits on this connection are durable. */
export async function openConnection(options: {
  readonly path: string;
  readonly log: Log;
  readonly runtime: Runtime;
  readonly busyTimeoutMs: number;
}): Promise<SqliteConnection> {
  const { path, log, runtime, busyTimeoutMs } = options;
  const database = openDatabaseFile(path, busyTimeoutMs);
  try {
    await switchToWriteAheadLog(database, runtime, busyTimeoutMs);
    database.exec(PRAGMAS);
    // The first read of the file is when an unset `synchronous` would fall to the compiled default.
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    assertDurable(database);
    return new SqliteConnection(database, log);
  } catch (error) {
    database.close();
    throw toStoreError(error);
  }
}

/**
 * Opens a second connection that only reads, for long reads beside the writer. Not with SQLite's read-only flag: under that
 * its integrity check passes over CHECK constraints.
 */
export function openReader(path: string, log: Log, busyTimeoutMs: number): SqliteConnection {
  const database = openDatabaseFile(path, busyTimeoutMs);
  database.exec('PRAGMA query_only = ON');
  return new SqliteConnection(database, log);
}

function openDatabaseFile(path: string, busyTimeoutMs: number): Database {
  try {
    return openDatabase(path, { timeout: busyTimeoutMs });
  } catch (error) {
    throw toStoreError(error);
  }
}

/** Two processes that open a new file at once: SQLite answers "busy" here without waiting, so the waiting is done here. */
async function switchToWriteAheadLog(database: Database, runtime: Runtime, busyTimeoutMs: number): Promise<void> {
  const pauseMs = 20;
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || waitedMs >= busyTimeoutMs) throw error;
      await runtime.sleep(pauseMs);
    }
  }
}

function assertDurable(database: Database): void {
  const { journal_mode: journalMode } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  const { synchronous } = database.prepare('PRAGMA synchronous').get() as { synchronous: number };
  if (journalMode !== 'wal' || synchronous !== 2) {
    throw new Error(
      `SQLite would not be durable: journal_mode is ${journalMode} and synchronous ${synchronous}, not wal and 2 (FULL). ` +
        'The file must be on a local disk, not on a network file system.',
    );
  }
}

/**
 * Makes the database's folder (for this user alone) and its file, and fsyncs every folder that got a new entry: a file whose
 * name is not on the disk is lost with all that was fsynced into it.
 */
export function makeDatabaseFile(path: string): void {
  const folder = dirname(path);
  const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 });
  // SQLite gives its log the same mode.
  closeSync(openSync(path, 'a', 0o600));
  fsyncFolder(folder);
  if (firstMade === undefined) return;
  const outermost = dirname(resolve(firstMade));
  for (let current = folder; current !== outermost;) {
    current = dirname(current);
    fsyncFolder(current);
  }
}

function fsyncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
