import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type StoreFault, StoreUnavailableError } from '../../../interfaces/event-store';
import type { Log } from '../../../interfaces/log';
import type { Runtime } from '../../../interfaces/runtime';
import type { BackupProgress, PointsDifference, StoreArchive } from '../../../interfaces/store-archive';
import type { EventView } from '../../../types/delivery';
import { EventReader } from './event-reader';
import type { SqliteConnection } from './connection';
import { openReader } from './connection';
import { backupDatabase, openDatabase, toStoreError } from './driver';
import { assertUpToDate, shippedMigrations } from './migrations';
import { recountPoints, verifyStore } from './verify';

export interface SqliteArchiveOptions {
  readonly path: string;
  readonly log: Log;
  readonly runtime: Runtime;
}

const BUSY_TIMEOUT_MS = 5000;
const PIECE_EVENTS = 200;
const BACKUP_PAGES_AT_ONCE = 1000;

/** Opens an existing store for reading. Throws where there is none, or one of another version: it makes and changes nothing. */
export function openSqliteStoreArchive({ path, log, runtime }: SqliteArchiveOptions): SqliteStoreArchive {
  // SQLite would make the file, and an empty store has no faults.
  if (!existsSync(path)) throw new Error(`there is no store at ${path}`);
  const reader = openReader(path, log, BUSY_TIMEOUT_MS);
  try {
    assertUpToDate(reader, shippedMigrations());
    return new SqliteStoreArchive(reader, { path, log, runtime });
  } catch (error) {
    reader.close();
    throw toStoreError(error);
  }
}

/** StoreArchive over a SQLite file, each verb in one read transaction: the writer beside it is neither waited for nor held up. */
export class SqliteStoreArchive implements StoreArchive {
  constructor(
    private readonly reader: SqliteConnection,
    private readonly options: SqliteArchiveOptions,
  ) {}

  async *verify(onProgress: (checkedEvents: number) => void): AsyncGenerator<StoreFault> {
    yield* verifyStore(this.reader, this.options.runtime, onProgress);
  }

  async *export(): AsyncGenerator<EventView> {
    const events = new EventReader(this.reader);
    const select = this.reader.prepare<{ id: number }>('SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?');
    this.begin();
    try {
      for (
        let rows = select.all(0, PIECE_EVENTS);
        rows.length > 0;
        rows = select.all(rows.at(-1)?.id ?? 0, PIECE_EVENTS)
      ) {
        for (const { id } of rows) {
          const view = events.eventByRow(id);
          if (view !== null) yield view;
        }
      }
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.end();
    }
  }

  async *recount(onDone: (rows: number) => void): AsyncGenerator<PointsDifference> {
    this.begin();
    try {
      yield* recountPoints(this.reader, this.options.runtime, onDone);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.end();
    }
  }

  async backup(path: string, onProgress: (progress: BackupProgress) => void): Promise<void> {
    const partial = `${path}.partial`;
    removeDatabase(partial);
    // Like the store itself, for this user alone.
    closeSync(openSync(partial, 'wx', 0o600));
    // One state from the first page to the last: without it every commit of the gateway would start the copy anew.
    this.begin();
    try {
      await backupDatabase(this.reader.database, partial, {
        rate: BACKUP_PAGES_AT_ONCE,
        progress: ({ totalPages, remainingPages }) =>
          onProgress({ donePages: totalPages - remainingPages, totalPages }),
      });
    } catch (error) {
      removeDatabase(partial);
      throw toStoreError(error);
    } finally {
      this.end();
    }
    try {
      makeSelfContained(partial);
      await this.refuseFaulty(partial);
      fsyncPath(partial);
      renameSync(partial, path);
      fsyncPath(dirname(path));
    } catch (error) {
      removeDatabase(partial);
      throw error;
    }
  }

  close(): void {
    this.reader.close();
  }

  /** The copy is only worth its name when it can be opened and holds what it should. */
  private async refuseFaulty(path: string): Promise<void> {
    const copy = openSqliteStoreArchive({ ...this.options, path });
    try {
      for await (const fault of copy.verify(() => undefined)) {
        throw new StoreUnavailableError(
          `the copy has a fault (${fault.kind}): ${fault.detail}; verify the store itself`,
          false,
        );
      }
    } finally {
      copy.close();
    }
    makeSelfContained(path);
  }

  private begin(): void {
    this.reader.database.exec('BEGIN');
    // A transaction sees its state from the first read on.
    this.reader.prepare('SELECT count(*) FROM sqlite_schema').get();
  }

  private end(): void {
    if (this.reader.database.isTransaction) this.reader.database.exec('ROLLBACK');
  }
}

/** One file without a log beside it; the gateway switches to its log when it opens it. */
function makeSelfContained(path: string): void {
  const database = openDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    database.exec('PRAGMA journal_mode = DELETE');
  } finally {
    database.close();
  }
}

function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}

function fsyncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
