import { createRequire } from 'node:module';
import type { backup, DatabaseSyncInstance, SqliteModule } from '@photostructure/sqlite';
import { StoreUnavailableError } from '../../../interfaces/event-store';

/** What SQLite takes as a parameter. */
export type SqlValue = null | number | string | Uint8Array;

/** A prepared statement whose rows are known to be `Row`. Rows have a null prototype; an integer over 2^53 throws. */
export interface Statement<Row = never> {
  get(...parameters: SqlValue[]): Row | undefined;
  all(...parameters: SqlValue[]): Row[];
  run(...parameters: SqlValue[]): { changes: number; lastInsertRowid: number | bigint };
}

/** A prepared statement whose parameters have names; a name that it does not use is ignored. */
export interface NamedStatement<Row> {
  all(parameters: Readonly<Record<string, SqlValue>>): Row[];
}

export type Database = DatabaseSyncInstance;

/**
 * Opens the file with Node's own SQLite from Node 24 on, where it is fast and stable, and with the same interface from a
 * package before that.
 */
export function openDatabase(path: string, options: { readonly timeout: number }): Database {
  const { DatabaseSync } = loadDriver();
  return new DatabaseSync(path, options);
}

type Driver = Pick<SqliteModule, 'DatabaseSync'> & { readonly backup: typeof backup };

/** Copies the database, a number of pages at a time, as SQLite's backup interface does: on another thread. */
export function backupDatabase(
  database: Database,
  path: string,
  options: { readonly rate: number; readonly progress: (info: { totalPages: number; remainingPages: number }) => void },
): Promise<number> {
  return loadDriver().backup(database, path, options);
}

function loadDriver(): Driver {
  const nodeMajor = Number(process.versions.node.split('.')[0]);
  if (nodeMajor >= 24) {
    const builtin = process.getBuiltinModule('node:sqlite') as Driver | undefined;
    if (builtin !== undefined) return builtin;
  }
  return createRequire(__filename)('@photostructure/sqlite') as Driver;
}

// https://sqlite.org/rescode.html: the lower byte is the kind of error, the rest says more.
const UNAVAILABLE = new Map([
  [3, 'no permission'],
  [5, 'locked by another process'],
  [6, 'locked'],
  [7, 'out of memory'],
  [8, 'read-only'],
  [10, 'I/O error'],
  [11, 'corrupt'],
  [13, 'full'],
  [14, 'cannot be opened'],
  [15, 'locking failed'],
  [22, 'file too large'],
  [26, 'not a database'],
]);
const BUSY = 5;
const IOERR_FSYNC = 10 | (4 << 8);
const IOERR_DIR_FSYNC = 10 | (5 << 8);

/** An error of SQLite that means "not now" as StoreUnavailableError; any other (a defect) as it is. */
export function toStoreError(error: unknown): unknown {
  const { code, errcode, message } = fieldsOf(error);
  if (code === 'ERR_INVALID_STATE') return new StoreUnavailableError('the store is closed', false, { cause: error });
  if (typeof errcode !== 'number') return error;
  const kind = UNAVAILABLE.get(errcode & 0xff);
  if (kind === undefined) return error;
  const isFsyncFailure = errcode === IOERR_FSYNC || errcode === IOERR_DIR_FSYNC;
  return new StoreUnavailableError(
    `the store is unavailable: ${kind} (SQLite ${errcode}: ${String(message)})`,
    isFsyncFailure,
    {
      cause: error,
    },
  );
}

/** Whether another process held the lock for longer than the busy timeout. */
export function isBusy(error: unknown): boolean {
  const { errcode } = fieldsOf(error);
  return typeof errcode === 'number' && (errcode & 0xff) === BUSY;
}

/** By its fields and not by its class: an error of the driver need not be of this realm's Error. */
function fieldsOf(error: unknown): { code?: unknown; errcode?: unknown; message?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
