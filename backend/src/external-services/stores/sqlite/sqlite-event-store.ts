import { resolve } from 'node:path';
import type { EventStore } from '../../../interfaces/event-store';
import type { Log } from '../../../interfaces/log';
import type { Runtime } from '../../../interfaces/runtime';
import { DEFAULT_ACTIONS_MAX, DEFAULT_ATTEMPT_LIMIT } from '../rules';
import type { SqliteConnection } from './connection';
import { makeDatabaseFile, openConnection } from './connection';
import { Counters } from './counters';
import { SqliteDeliveries } from './deliveries';
import { SqliteEvents } from './events';
import { EventReader } from './event-reader';
import { migrate, shippedMigrations } from './migrations';
import { SqliteOperator } from './operator';
import { SqliteUpkeep } from './upkeep';

export interface SqliteStoreOptions {
  /** The database file. Its folder is made when there is none. It must be on a local disk. */
  readonly path: string;
  readonly log: Log;
  readonly runtime: Runtime;
  /** The folder of the numbered migrations; those that come with the program unless a test says otherwise. */
  readonly migrationsDir?: string;
  /** A delivery that has used up this many attempts is buried. */
  readonly attemptLimit?: number;
  /** At most this many acts of operators are kept, the newest. */
  readonly actionsMax?: number;
  /** For how long a call may wait (and block) for another process's transaction. */
  readonly busyTimeoutMs?: number;
  /** About how many rows a page of a list may look at before it is cut. */
  readonly listWalkRows?: number;
}

/** Opens the store: makes the file, brings its schema up to date, asserts that its commits are durable. */
export async function openSqliteEventStore(options: SqliteStoreOptions): Promise<EventStore> {
  if (options.path === '' || options.path.includes(':memory:')) {
    throw new Error(
      'a SQLite store needs the path of a file, like sqlite:./data/gateway.db: memory would lose what is accepted',
    );
  }
  const path = resolve(options.path);
  makeDatabaseFile(path);
  const connection = await openConnection({ ...options, path, busyTimeoutMs: options.busyTimeoutMs ?? 2000 });
  try {
    migrate(connection, options.migrationsDir ?? shippedMigrations(), options.log);
    return sqliteEventStore(connection, options);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * EventStore in one SQLite file, over a connection whose schema is up to date; closing the store closes it. Every call runs to
 * its end on the calling thread: a commit of 100 events blocks it for a few milliseconds. Several processes may share the
 * file; the write lock makes them take turns.
 */
export function sqliteEventStore(
  connection: SqliteConnection,
  options: Pick<SqliteStoreOptions, 'runtime' | 'attemptLimit' | 'actionsMax' | 'listWalkRows'>,
): EventStore {
  const attemptLimit = options.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT;
  const actionsMax = options.actionsMax ?? DEFAULT_ACTIONS_MAX;
  const listWalkRows = options.listWalkRows ?? 10_000;
  const counters = new Counters(connection);
  const reader = new EventReader(connection);
  return {
    events: new SqliteEvents(connection, counters, reader, { runtime: options.runtime, attemptLimit, listWalkRows }),
    deliveries: new SqliteDeliveries(connection, counters, reader, { listWalkRows }),
    operator: new SqliteOperator(connection, counters, { attemptLimit, actionsMax }),
    upkeep: new SqliteUpkeep(connection, counters),
  };
}
