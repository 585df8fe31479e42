import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../../interfaces/log';
import type { SqliteConnection } from './connection';

/**
 * Numbered migrations. Each runs once, in one transaction together with its record, under the write lock: a process that
 * dies in the middle leaves the state before it, and of two that start at once the second finds the work done.
 */

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** Beside the sources; the build leaves SQL where it is, one folder further up. */
const PLACES = ['../../../../migrations/sqlite', '../../../../../../backend/migrations/sqlite'];

type AppliedRow = Pick<Migration, 'number' | 'name' | 'checksum'>;

const CREATE_RECORD = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
  ) STRICT`;

/** The folder of the migrations that come with the program. */
export function shippedMigrations(): string {
  const folder = PLACES.map((place) => join(__dirname, place)).find((place) => existsSync(place));
  if (folder === undefined) throw new Error('the folder backend/migrations/sqlite is missing from this installation');
  return folder;
}

/** Brings the schema up to date, or throws an error that says what is wrong and leaves the database as it was. */
export function migrate(connection: SqliteConnection, folder: string, log: Log): void {
  const migrations = readMigrations(folder);
  while (applyNext(connection, migrations, log)) {
    // One transaction each.
  }
}

/** Throws, in words, unless this is a store of exactly this version. Changes nothing. */
export function assertUpToDate(connection: SqliteConnection, folder: string): void {
  refuseForeignDatabase(connection);
  const select = `SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'schema_migrations'`;
  if (connection.prepare<{ tables: number }>(select).get()?.tables !== 1) throw new Error('the file holds no store');
  const applied = connection
    .prepare<AppliedRow>('SELECT number, name, checksum FROM schema_migrations ORDER BY number')
    .all();
  const migrations = readMigrations(folder);
  compare(applied, migrations);
  const missing = migrations[applied.length];
  if (missing === undefined) return;
  throw new Error(`the store lacks migration ${missing.name}: start this version of the gateway on it once`);
}

/** The migrations in a folder, in order. Throws when a name does not fit or a number is missing or taken twice. */
function readMigrations(folder: string): Migration[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  names.sort();
  return names.map((name, index) => {
    const digits = /^([0-9]{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1];
    if (digits === undefined) throw new Error(`migration ${name}: a name is like 0001-what-it-does.sql`);
    if (Number(digits) !== index + 1) throw new Error(`migration ${name}: number ${index + 1} is expected here`);
    // A checkout may have turned the line ends; that is no change of what it does.
    const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
    return { number: index + 1, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  });
}

function applyNext(connection: SqliteConnection, migrations: readonly Migration[], log: Log): boolean {
  return connection.write(() => {
    refuseForeignDatabase(connection);
    connection.database.exec(CREATE_RECORD);
    const applied = connection
      .prepare<AppliedRow>('SELECT number, name, checksum FROM schema_migrations ORDER BY number')
      .all();
    compare(applied, migrations);
    const next = migrations[applied.length];
    if (next === undefined) return false;
    connection.database.exec(next.sql);
    connection
      .prepare(`INSERT INTO schema_migrations VALUES (?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER))`)
      .run(next.number, next.name, next.checksum);
    log.info({ migration: next.name }, 'store.migrated');
    return true;
  });
}

function refuseForeignDatabase(connection: SqliteConnection): void {
  const { tables, ours } = connection
    .prepare<{ tables: number; ours: number | null }>(
      `SELECT count(*) AS tables, sum(name = 'schema_migrations') AS ours FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'`,
    )
    .get() ?? { tables: 0, ours: 0 };
  if (tables > 0 && ours !== 1)
    throw new Error('this SQLite file belongs to another program: it has tables of its own');
}

function compare(applied: readonly AppliedRow[], migrations: readonly Migration[]): void {
  applied.forEach((row, index) => {
    const known = migrations[index];
    if (known === undefined) {
      throw new Error(`the database is newer than this version of the program: it has migration ${row.name}`);
    }
    if (row.number !== known.number) throw new Error(`the database lacks migration ${known.name}, but has later ones`);
    if (row.checksum !== known.checksum) {
      throw new Error(
        `migration ${known.name} was changed after it had been applied; a change goes into a new migration`,
      );
    }
  });
}
