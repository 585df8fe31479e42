import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqliteStoreOptions } from '../../src/external-services/sqlite/sqlite-event-store';
import { openSqliteEventStore, type SqliteEventStore } from '../../src/external-services/sqlite/sqlite-event-store';
import { systemRuntime } from '../../src/external-services/system-runtime';
import type { Log } from '../../src/interfaces/log';

/** Real SQLite files in folders of their own, which go after each test. */

const ignore = (): void => undefined;
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

const folders: string[] = [];
const stores: SqliteEventStore[] = [];

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
  folders.push(folder);
  return folder;
}

export function newPath(): string {
  return join(newFolder(), 'gateway.db');
}

export async function openStore(options: Partial<SqliteStoreOptions> = {}): Promise<SqliteEventStore> {
  const store = await openSqliteEventStore({ path: newPath(), log: silentLog, runtime: systemRuntime, ...options });
  stores.push(store);
  return store;
}

/** Closes what `openStore` opened and removes the folders. */
export async function removeFiles(): Promise<void> {
  for (const store of stores.splice(0)) await store.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
