import { createRequire } from 'node:module';
import type { backup, DatabaseSyncInstance, SqliteModule } from '@photostructure/sqlite';

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
