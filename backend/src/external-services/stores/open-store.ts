import { join } from 'node:path';
import type { EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { StoreArchive } from '../../interfaces/store-archive';
import { distrustProbeAfterFailure, guardAgainstFailedFsync } from './guarded-store';
import { openSqliteStoreArchive } from './sqlite/archive';
import { openThreadedEventStore } from './sqlite/thread/threaded-event-store';

/** Which adapter keeps the data, by what STORE_URL names. */

export interface StoreLocation {
  /** The database file of a `sqlite:` URL. */
  readonly path: string;
}

export interface OpenStoreParts {
  readonly location: StoreLocation;
  /** The folder that has a folder of migrations for each kind of store. */
  readonly migrationsFolder: string;
  readonly log: Log;
  readonly runtime: Runtime;
  /** An fsync failed: the process must end. */
  readonly onFatal: (error: Error) => void;
  /** In place of the store that the location names: a test's. */
  readonly open?: () => Promise<EventStore>;
}

/** Opens the store behind its guards. */
export async function openEventStore(parts: OpenStoreParts): Promise<EventStore> {
  const { location, migrationsFolder, log, runtime, onFatal, open } = parts;
  const openNamed = () =>
    openThreadedEventStore({ path: location.path, migrationsDir: join(migrationsFolder, 'sqlite'), log });
  const store = await (open ?? openNamed)();
  return distrustProbeAfterFailure(guardAgainstFailedFsync(store, onFatal), runtime);
}

/** Opens an existing store for reading it as a whole. Throws where there is none, or one of another version. */
export function openStoreArchive(location: StoreLocation, log: Log, runtime: Runtime): StoreArchive {
  return openSqliteStoreArchive({ path: location.path, log, runtime });
}
