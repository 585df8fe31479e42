/** The making of all that answers questions about users: one circuit, pool and retry budget per source, one cache for all. */
import type { Config } from '../config';
import { MemoryCache } from '../external-services/cache/memory-cache';
import { createEventApi, createUserApi, SourceClient } from '../external-services/sources/source-client';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import type { UpstreamCounts } from '../interfaces/upstream-counts';
import type { Circuit, CircuitSnapshot } from '../services/resilience/circuit';
import { BatchService, type BatchServiceParts } from '../services/users/batch-service';
import { DirectoryService, type DirectoryServiceParts } from '../services/users/directory-service';
import { SourceRetry } from '../services/users/source-retry';

export interface Users {
  /** Null without USER_API_URL. */
  readonly batch: BatchService | null;
  /** Null without EVENT_API_URL. */
  readonly directory: DirectoryService | null;
  /** The circuits of the read sources that are configured, by name. */
  circuits(): Record<string, CircuitSnapshot>;
  /** Ends what is being asked behind, closes sockets and drops the cache. For when no request is in flight any more. */
  stop(): Promise<void>;
}

const POOL_SIZE = 50;
const RATE_PER_SECOND = 1_000;
const CACHE_ENTRIES = 30_000;

export function createUsers(
  config: Config,
  { runtime, log, counts }: { runtime: Runtime; log: Log; counts: UpstreamCounts },
): Users {
  const { batchDeadlineMs: deadlineMs, circuitCooldownMs, userApiUrl, eventApiUrl, proxy } = config;
  const circuits = new Map<string, Circuit>();
  const clients: SourceClient[] = [];
  const retryOf = (source: string): SourceRetry => {
    const limits = { poolSize: POOL_SIZE, ratePerSecond: RATE_PER_SECOND, timeoutMaxMs: deadlineMs };
    const retry = new SourceRetry(runtime, { ...limits, circuitCooldownMs });
    retry.circuit.onChange((change) => log.warn({ source, ...change }, 'source.circuit_changed'));
    circuits.set(source, retry.circuit);
    return retry;
  };
  const clientOf = (source: string, baseUrl: string): SourceClient => {
    const client = new SourceClient({ source, baseUrl, maxSockets: POOL_SIZE, proxy, counts });
    clients.push(client);
    return client;
  };

  const cache = new MemoryCache(CACHE_ENTRIES);
  const parts = { cache, runtime, deadlineMs };
  const makers = { clientOf, retryOf };
  const batch = userApiUrl === null ? null : new BatchService({ ...parts, sources: askUserApi(userApiUrl, makers) });
  const directory =
    eventApiUrl === null ? null : new DirectoryService({ ...parts, directory: askEventApi(eventApiUrl, makers) });
  return {
    batch,
    directory,
    circuits: () => Object.fromEntries([...circuits].map(([name, circuit]) => [name, circuit.snapshot()])),
    stop: async () => {
      batch?.stop();
      directory?.stop();
      for (const client of clients) client.close();
      await cache.close();
    },
  };
}

interface Makers {
  readonly clientOf: (source: string, baseUrl: string) => SourceClient;
  readonly retryOf: (source: string) => SourceRetry;
}

function askUserApi(url: string, { clientOf, retryOf }: Makers): BatchServiceParts['sources'] {
  const names = { profile: 'user-api.profile', posts: 'user-api.posts', analytics: 'user-api.analytics' };
  const api = createUserApi({
    profile: clientOf(names.profile, url),
    posts: clientOf(names.posts, url),
    analytics: clientOf(names.analytics, url),
  });
  return {
    profile: retryOf(names.profile).asking(api.profile),
    posts: retryOf(names.posts).asking(api.posts),
    analytics: retryOf(names.analytics).asking(api.analytics),
  };
}

function askEventApi(url: string, { clientOf, retryOf }: Makers): DirectoryServiceParts['directory'] {
  const names = { users: 'event-api.users', events: 'event-api.events' };
  const api = createEventApi({ users: clientOf(names.users, url), events: clientOf(names.events, url) });
  const [users, events] = [retryOf(names.users), retryOf(names.events)];
  return {
    users: users.asking((_id, request) => api.users(request)),
    user: users.asking(api.user),
    events: events.asking((_id, request) => api.events(request)),
    event: events.asking(api.event),
  };
}
