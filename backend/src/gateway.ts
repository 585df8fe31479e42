import { join } from 'node:path';

import { createApp, type AppParts } from './app';
import { createControllers } from './composition/compose-controllers';
import type { Config } from './config/config';
import { SettingsFiles, type SettingsKeys } from './config/settings-files';
import { MemoryCache } from './external-services/cache/memory-cache';
import { distrustProbeAfterFailure } from './external-services/distrust-probe';
import { guardAgainstFailedFsync } from './external-services/fsync-guard';
import { PrometheusMetrics } from './external-services/metrics/prometheus-metrics';
import { createEventApi } from './external-services/sources/event-api';
import { SourceClient } from './external-services/sources/source-client';
import { createUserApi } from './external-services/sources/user-api';
import { openThreadedEventStore } from './external-services/sqlite/threaded-event-store';
import { systemRuntime } from './external-services/system-runtime';
import { TimerEventLoopDelay } from './external-services/timer-event-loop-delay';
import { HttpServer } from './http-server';
import type { EventLoopDelay } from './interfaces/event-loop-delay';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { authenticate } from './middleware/authenticate';
import { limitRequests, type RequestLimiting } from './middleware/limit-requests';
import type { Route } from './route';
import { routes } from './routes';
import { addressGroup } from './services/auth/address-group';
import { RequestLimits } from './services/auth/request-limits';
import { TokenService } from './services/auth/token-service';
import { DeliveryWorker, type DeliveryWorkerParts } from './services/delivery/delivery-worker';
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { EventStream } from './services/events/event-stream';
import { GatewayMetrics } from './services/operations/gateway-metrics';
import { HealthService } from './services/operations/health-service';
import { LoadShedder } from './services/operations/load-shedder';
import { Retention } from './services/operations/retention';
import type { Circuit, CircuitSnapshot } from './services/resilience/circuit';
import { BatchService } from './services/users/batch-service';
import { DirectoryService } from './services/users/directory-service';
import { ParallelRetryPolicy } from './services/users/parallel-retry-policy';

export interface Gateway {
  /** Opens the store, starts the worker, listens. May throw, and then leaves nothing behind. */
  start(): Promise<{ readonly url: string }>;
  /** Reads the files of settings again. A faulty one changes nothing; each fault is logged. */
  reload(): Promise<void>;
  /** Not ready any more; answers what is in flight, records what was sent, closes the store. Harmless twice. */
  stop(): Promise<void>;
}

export interface GatewayParts {
  readonly log: Log;
  /** Something happened after which this process must not go on; whoever runs it stops the gateway and exits. */
  readonly onFatal: (error: Error) => void;
  readonly runtime?: Runtime;
  /** In place of the one that STORE_URL names: a test's. */
  readonly openStore?: () => Promise<EventStore>;
  /** In place of a timer's: a test's. */
  readonly eventLoopDelay?: EventLoopDelay;
}

/** Of the time that a stop may take, what requests and attempts in flight get; the rest is for recording what was sent. */
const DRAIN_SHARE = 0.8;

type Started = (() => Promise<void>)[];

interface Running {
  readonly url: string;
  readonly reload: () => Promise<void>;
}

/** Builds the whole gateway from its settings: for the process, and for the tests, which give port 0. */
export function createGateway(config: Config, parts: GatewayParts): Gateway {
  /** What was started and must be stopped, last in, first out. */
  const started: Started = [];
  let stopping: Promise<void> | null = null;
  let running: Running | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
    })();
    return stopping;
  };
  const start = async () => {
    try {
      running = await startAll(config, parts, started);
      return running;
    } catch (error) {
      await stop();
      throw error;
    }
  };
  const reload = async () => (stopping === null ? running?.reload() : undefined);
  return { start, reload, stop };
}

/**
 * Makes everything, in the order in which it starts: settings, store, delivery, reads, HTTP. What must
 * be stopped is put on the stack as soon as it runs.
 */
async function startAll(config: Config, parts: GatewayParts, started: Started): Promise<Running> {
  const { log, runtime = systemRuntime } = parts;
  const drainMs = config.shutdownTimeoutMs * DRAIN_SHARE;
  const files = await SettingsFiles.read(config, runtime);
  const { catalogue, clients, destinations, keys } = files;
  files.warn(log);
  const current = () => destinations.current();

  const store = await openStore(config, parts, runtime);
  started.push(() => store.close());

  started.push(() => files.close());
  const feed = new EventFeed();
  const common = { store, runtime, feed, log };
  const metrics = new GatewayMetrics(new PrometheusMetrics(), feed, store);
  const worker = createWorker(config, { ...common, drainMs, destinations: current() });
  const retention = new Retention({ store, runtime, log, retentionMs: config.retentionMs });
  // A process that only takes requests sends nothing, but shows and changes what is held.
  for (const part of config.role === 'api' ? [worker.holds] : [worker, retention]) {
    started.push(() => part.stop());
    await part.start();
  }

  const users = createUsers(config, { runtime, log });
  started.push(() => users.stop());

  const { backlogMax, eventMaxAgeMs: maxAgeMs, eventMaxAheadMs: maxAheadMs, environment, version } = config;
  const limits = { backlogMax, maxAgeMs, maxAheadMs };
  const onCommit = metrics.committed;
  const events = new EventService({ ...common, ...limits, catalogue, destinations: current, onCommit });
  const stream = new EventStream(feed, runtime.newId());
  const circuits = () => ({ ...worker.circuits(), ...users.circuits() });
  const retentionHeldForMs = () => retention.heldForMs;
  const health = new HealthService({ store, runtime, environment, version, circuits, retentionHeldForMs });
  const tokens = new TokenService({ signer: keys.signer, clients, runtime });
  const delay = parts.eventLoopDelay ?? new TimerEventLoopDelay(runtime);
  const made = { ...common, catalogue, clients, tokens, worker, destinations: current, events, stream, users };
  const publicKeys = () => keys.signer.publicKeys();
  const controllers = createControllers(config, { ...made, health, metrics, delay, publicKeys });
  const server = createServers(config, {
    ...{ runtime, log, keys, drainMs, delay },
    routes: routes(controllers),
    authenticate: (scope) => authenticate((token) => tokens.verify(token), scope),
    limiting: createLimiting(config, runtime),
    observe: metrics.answered,
    metrics: controllers.metrics.get,
  });
  const port = await server.start();
  started.push(async () => {
    health.stopping();
    events.stopWaiting();
    stream.close();
    await Promise.all([server.stop(), worker.stop()]);
    await events.idle();
  });
  const stopWatching = files.watchClients(runtime, log);
  started.push(async () => stopWatching());
  return { url: urlOf(config, port), reload: () => files.reload(worker, log) };
}

function urlOf({ host, tlsCertFile }: Config, port: number): string {
  return `${tlsCertFile === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** Opens the store that the settings name; a failed fsync ends the process. */
async function openStore(config: Config, parts: GatewayParts, runtime: Runtime): Promise<EventStore> {
  const { log, onFatal, openStore: open } = parts;
  const migrationsDir = join(config.migrationsFolder, 'sqlite');
  const openNamed = () => openThreadedEventStore({ path: config.store.path, migrationsDir, log });
  const store = await (open ?? openNamed)();
  return distrustProbeAfterFailure(guardAgainstFailedFsync(store, onFatal), runtime);
}

type WorkerParts = Omit<DeliveryWorkerParts, 'settings' | 'circuitCooldownMs'> & { readonly drainMs: number };

/** What sends the deliveries. */
function createWorker(config: Config, { drainMs, ...parts }: WorkerParts): DeliveryWorker {
  const { retryBaseMs, retryMaxMs, retryForMs, leaseMs, attemptTimeoutMs, circuitCooldownMs } = config;
  const schedule = { baseMs: retryBaseMs, maxMs: retryMaxMs, forMs: retryForMs };
  const settings = { leaseMs, attemptTimeoutMs, drainMs, schedule };
  return new DeliveryWorker({ ...parts, circuitCooldownMs, settings });
}

/** What answers questions about users. */
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

/** One circuit, pool and retry budget for each read source, one cache for all. */
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
    circuits: () => Object.fromEntries([...circuits].map(([name, circuit]) => [name, circuit.snapshot()])),
    stop: async () => {
      batch?.stop();
      directory?.stop();
      for (const client of clients) client.close();
      await cache.close();
    },
  };
}

/** More open requests than this are more than the memory is for. */
const REQUESTS_MAX = 4_096;

/** With no more requests open than this it is not our work that makes the event loop late: refusing them would help nobody. */
const REQUESTS_FEW = 64;

/** So many requests of one client or address may be open at a time. */
const OPEN_REQUESTS_MAX = 1_024;

function createLimiting({ rateLimitPerMinute: perMinute }: Config, runtime: Runtime): RequestLimiting {
  const limits = new RequestLimits(runtime, { perMinute, openMax: OPEN_REQUESTS_MAX });
  return limitRequests({ perMinute, limitOf: (key) => limits.of(key), addressGroup });
}

interface ServerParts extends Pick<AppParts, 'routes' | 'authenticate' | 'limiting' | 'observe' | 'runtime' | 'log'> {
  readonly keys: SettingsKeys;
  /** How long a stop waits for requests in flight. */
  readonly drainMs: number;
  readonly delay: EventLoopDelay;
  readonly metrics: Route['handler'];
}

/** The server of the API, and beside it the one that METRICS_PORT asks for; the event loop is measured while they run. */
function createServers(config: Config, parts: ServerParts): Pick<HttpServer, 'start' | 'stop'> {
  const { runtime, keys, drainMs: stopTimeoutMs, delay, metrics, log } = parts;
  const { host, port, trustProxy, metricsPort, corsOrigins } = config;
  const shedder = new LoadShedder(log);
  const isOverloaded = (): boolean => server.openRequests > (shedder.isShedding ? REQUESTS_FEW : REQUESTS_MAX);
  const app: AppParts = { ...parts, publicUrl: config.publicUrl ?? '', corsOrigins, trustProxy, isOverloaded };
  const common = { host, runtime, stopTimeoutMs, isBehindProxy: trustProxy !== false };
  const server: HttpServer = new HttpServer(createApp(app), { ...common, port, tls: keys.tls });
  keys.onNewTls = (pair) => server.replaceTls(pair);
  const open: Route = { method: 'get', path: '/metrics', scope: 'public', isProbe: true, handler: metrics };
  const metricsApp = createApp({ ...app, routes: [open], corsOrigins: [], isOverloaded: () => false });
  const metricsServer = new HttpServer(metricsApp, { ...common, port: metricsPort ?? 0, tls: null });
  return {
    start: async (): Promise<number> => {
      if (metricsPort !== null) log.info({ port: await metricsServer.start() }, 'metrics.listening');
      const listening = await server.start().catch(async (error: unknown) => {
        await metricsServer.stop();
        throw error;
      });
      delay.start((p99Ms) => shedder.sample(p99Ms));
      return listening;
    },
    stop: async (): Promise<void> => {
      await server.stop();
      delay.stop();
      await metricsServer.stop();
    },
  };
}
