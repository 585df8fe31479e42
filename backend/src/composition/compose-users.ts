/** The making of all that answers questions about users: one circuit, pool and retry budget per source, one cache for all. */
import type { Config } from '../config/config';
import { UserController } from '../controllers/user-controller';
import { MemoryCache } from '../external-services/cache/memory-cache';
import { createEventApi } from '../external-services/sources/event-api';
import { SourceClient } from '../external-services/sources/source-client';
import { createUserApi } from '../external-services/sources/user-api';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import type { Circuit, CircuitSnapshot } from '../services/resilience/circuit';
import { BatchService } from '../services/users/batch-service';
import { DirectoryService } from '../services/users/directory-service';
import { ParallelRetryPolicy } from '../services/users/parallel-retry-policy';
import { readBatchInfo, readSummaryQuery, readUserId } from '../validation-schemas/user';

export interface Users {
  /** Null without USER_API_URL. */
  readonly batch: BatchService | null;
  /** Null without EVENT_API_URL. */
  readonly directory: DirectoryService | null;
  readonly controller: UserController;
  /** The circuits of the read sources that are configured, by name. */
  circuits(): Record<string, CircuitSnapshot>;
  /** Ends what is being asked behind, closes sockets and drops the cache. For when no request is in flight any more. */
  stop(): Promise<void>;
}

const POOL_SIZE = 50;
const RATE_PER_SECOND = 1_000;
const CACHE_ENTRIES = 30_000;

export function createUsers(config: Config, { runtime, log }: { runtime: Runtime; log: Log }): Users {
  const { batchDeadlineMs: deadlineMs, circuitCooldownMs, userApiUrl, eventApiUrl, proxy } = config;
  const circuits = new Map<string, Circuit>();
  const clients: SourceClient[] = [];
  const policyOf = (source: string): ParallelRetryPolicy => {
    const limits = { poolSize: POOL_SIZE, ratePerSecond: RATE_PER_SECOND, timeoutMaxMs: deadlineMs };
    const policy = new ParallelRetryPolicy(runtime, { ...limits, circuitCooldownMs });
    policy.circuit.onChange((change) => log.warn({ source, ...change }, 'source.circuit_changed'));
    circuits.set(source, policy.circuit);
    return policy;
  };
  const clientOf = (baseUrl: string, sources: number): SourceClient => {
    const client = new SourceClient({ baseUrl, maxSockets: sources * POOL_SIZE, proxy });
    clients.push(client);
    return client;
  };

  const cache = new MemoryCache(CACHE_ENTRIES);
  const parts = { cache, runtime, deadlineMs };
  const createBatch = (url: string): BatchService => {
    const policies = {
      profile: policyOf('user-api.profile'),
      posts: policyOf('user-api.posts'),
      analytics: policyOf('user-api.analytics'),
    };
    return new BatchService({ ...parts, sources: createUserApi(clientOf(url, 3), policies) });
  };
  const createDirectory = (url: string): DirectoryService => {
    const policies = { users: policyOf('event-api.users'), events: policyOf('event-api.events') };
    return new DirectoryService({ ...parts, directory: createEventApi(clientOf(url, 2), policies) });
  };

  const batch = userApiUrl === null ? null : createBatch(userApiUrl);
  const directory = eventApiUrl === null ? null : createDirectory(eventApiUrl);
  return {
    batch,
    directory,
    controller: new UserController({ batch, directory, readUserId, readBatchInfo, readSummaryQuery }),
    circuits: () => Object.fromEntries([...circuits].map(([name, circuit]) => [name, circuit.snapshot()])),
    stop: async () => {
      batch?.stop();
      directory?.stop();
      for (const client of clients) client.close();
      await cache.close();
    },
  };
}
