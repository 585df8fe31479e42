import type { Config } from '../config';
import { MemoryCache } from '../external-services/cache/memory-cache';
import type { Cache } from '../interfaces/cache';
import type { Destination } from '../interfaces/destination';
import type { EventStore } from '../interfaces/event-store';
import type { Runtime } from '../interfaces/runtime';
import type { Catalogue } from '../services/events/catalogue';
import type { EventFeed } from '../services/events/event-feed';
import { EventService } from '../services/events/event-service';
import { IdempotencyCache } from '../services/events/idempotency-cache';
import type { Watch } from './compose-watch';

export interface EventsParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly catalogue: Catalogue;
  readonly destinations: () => readonly Destination[];
  readonly watch: Watch;
}

/** What accepts events, and the cache in front of it; null where that is switched off. */
export function createEvents(config: Config, parts: EventsParts): { events: EventService; cache: Cache | null } {
  const { backlogMax, eventMaxAgeMs: maxAgeMs, eventMaxAheadMs: maxAheadMs, idempotencyCacheSize } = config;
  const { watch, ...rest } = parts;
  const { committed: onCommit, repeated: onRepeat, lookedUp: onLookUp } = watch.metrics;
  const cache = idempotencyCacheSize === 0 ? null : new MemoryCache(idempotencyCacheSize);
  const idempotency = cache === null ? null : new IdempotencyCache({ ...rest, cache, maxAgeMs, onLookUp });
  const limits = { backlogMax, maxAgeMs, maxAheadMs };
  return { events: new EventService({ ...rest, ...limits, idempotency, onCommit, onRepeat }), cache };
}
