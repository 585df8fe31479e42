import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqliteStoreOptions } from '../../src/external-services/stores/sqlite/sqlite-event-store';
import { openSqliteEventStore } from '../../src/external-services/stores/sqlite/sqlite-event-store';
import { systemRuntime } from '../../src/external-services/system-runtime';
import type { EventStore, StoreFault } from '../../src/interfaces/event-store';
import type { Log } from '../../src/interfaces/log';
import { openSqliteStoreArchive } from '../../src/external-services/stores/sqlite/archive';
import { verifiedBy } from './store-fixtures';

/** Real SQLite files in folders of their own, which go after each test. */

const ignore = (): void => undefined;
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

const folders: string[] = [];
const stores: EventStore[] = [];

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  folders.push(folder);
  return folder;
}

export function newPath(): string {
  return join(newFolder(), 'gateway.db');
}

export async function openStore(options: Partial<SqliteStoreOptions> = {}): Promise<EventStore> {
  const store = await openVerifiable({ path: newPath(), ...options });
  stores.push(store);
  return store;
}

/** A store whose faults `faultsOf` can find. Whoever opens it closes it. */
export async function openVerifiable(
  options: Pick<SqliteStoreOptions, 'path'> & Partial<SqliteStoreOptions>,
): Promise<EventStore> {
  const store = await openSqliteEventStore({ log: silentLog, runtime: systemRuntime, ...options });
  return verifiedBy(store, () => faultsIn(options.path));
}

/** Checks the file as `npm run store -- verify` does, beside whoever uses it. */
export async function* faultsIn(
  path: string,
  onProgress: (checkedEvents: number) => void = () => undefined,
): AsyncGenerator<StoreFault> {
  const archive = openSqliteStoreArchive({ path, log: silentLog, runtime: systemRuntime });
  try {
    yield* archive.verify(onProgress);
  } finally {
    archive.close();
  }
}

/** Closes what `openStore` opened and removes the folders. */
export async function removeFiles(): Promise<void> {
  for (const store of stores.splice(0)) await store.upkeep.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
