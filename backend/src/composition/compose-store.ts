import { join } from 'node:path';

import type { Config } from '../config/config';
import { distrustProbeAfterFailure } from '../external-services/distrust-probe';
import { guardAgainstFailedFsync } from '../external-services/fsync-guard';
import { openThreadedEventStore } from '../external-services/sqlite/threaded-event-store';
import type { EventStore } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import { Retention } from '../services/operations/retention';

export interface StoreParts {
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
  /** In place of the one that STORE_URL names: a test's. */
  readonly openStore?: () => Promise<EventStore>;
}

/** Opens the store that the settings name; a failed fsync ends the process. */
export async function openStore(config: Config, parts: StoreParts, runtime: Runtime): Promise<EventStore> {
  const { log, onFatal, openStore: open } = parts;
  const migrationsDir = join(config.migrationsFolder, 'sqlite');
  const openNamed = () => openThreadedEventStore({ path: config.store.path, migrationsDir, log });
  const store = await (open ?? openNamed)();
  return distrustProbeAfterFailure(guardAgainstFailedFsync(store, onFatal), runtime);
}

/** What keeps the store from growing for ever. */
export function createRetention(config: Config, store: EventStore, runtime: Runtime, log: Log): Retention {
  return new Retention({ store, runtime, log, retentionMs: config.retentionMs });
}
