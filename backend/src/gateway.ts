import type { Config } from './config/config';
import { SettingsFiles, type SettingsKeys } from './config/settings-files';
import { AuthController } from './controllers/auth-controller';
import { DeliveryController } from './controllers/delivery-controller';
import { DestinationController } from './controllers/destination-controller';
import { EventController } from './controllers/event-controller';
import { EventReadController } from './controllers/event-read-controller';
import { NdjsonController, StreamController } from './controllers/event-stream-controller';
import { LegacyController } from './controllers/legacy-controller';
import { OperationsController } from './controllers/operations-controller';
import { UserController } from './controllers/user-controller';
import { MemoryCache } from './external-services/cache/memory-cache';
import { PrometheusMetrics } from './external-services/metrics/prometheus-metrics';
import { createEventApi, createUserApi, SourceClient } from './external-services/sources/source-client';
import { openEventStore } from './external-services/stores/open-store';
import { systemRuntime } from './external-services/system-runtime';
import { TimerEventLoopDelay } from './external-services/timer-event-loop-delay';
import type { Cache } from './interfaces/cache';
import type { Destination } from './interfaces/destination';
import type { EventLoopDelay } from './interfaces/event-loop-delay';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import type { UpstreamCounts } from './interfaces/upstream-counts';
import { DOCS_STYLE, docsPage } from './routes/docs-page';
import { buildDocument } from './routes/openapi';
import type { Controllers, JsonSchema } from './routes/route';
import { createServers } from './servers';
import { AuthService } from './services/auth/auth-service';
import { FailureLimiter } from './services/auth/failure-limiter';
import { TokenService } from './services/auth/token-service';
import { DeadLetterService } from './services/delivery/dead-letter-service';
import { DeliveryWorker, type DeliveryWorkerParts } from './services/delivery/delivery-worker';
import { DestinationService } from './services/delivery/destination-service';
import type { Catalogue } from './services/events/catalogue';
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { IdempotencyCache } from './services/events/idempotency-cache';
import { EventStream } from './services/events/event-stream';
import { LegacyService } from './services/legacy/legacy-service';
import { GatewayMetrics, UpstreamMetrics } from './services/operations/gateway-metrics';
import { HealthService } from './services/operations/health-service';
import { Retention } from './services/operations/retention';
import { PointsService } from './services/points/points-service';
import type { Circuit, CircuitSnapshot } from './services/resilience/circuit';
import { BatchService, type BatchServiceParts } from './services/users/batch-service';
import { DirectoryService, type DirectoryServiceParts } from './services/users/directory-service';
import { SourceRetry } from './services/users/source-retry';

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
  const registry = new PrometheusMetrics();
  const upstreams = new UpstreamMetrics(registry);
  const files = await SettingsFiles.read(config, runtime, upstreams);
  const { catalogue, clients, destinations, keys } = files;
  files.warn(log);
  const current = () => destinations.current();

  const store = await openStore(config, parts, runtime);
  started.push(() => store.upkeep.close());
  started.push(() => files.close());
  const feed = new EventFeed();
  const common = { store, runtime, feed, log };
  const metrics = new GatewayMetrics(registry, feed, store);
  const worker = createWorker(config, { ...common, drainMs, destinations: current() });
  const retention = new Retention({ store, runtime, log, retentionMs: config.retentionMs });
  // A process that only takes requests sends nothing, but shows and changes what is held.
  for (const part of config.role === 'api' ? [worker.holds] : [worker, retention]) {
    started.push(() => part.stop());
    await part.start();
  }

  const users = createUsers(config, { runtime, log, counts: upstreams });
  started.push(() => users.stop());
  const { environment, version } = config;
  const { events, cache } = createEvents(config, { ...common, catalogue, destinations: current, metrics });
  started.push(async () => cache?.close());
  const stream = new EventStream(feed, runtime.newId());
  const circuits = () => ({ ...worker.circuits(), ...users.circuits() });
  const retentionHeldForMs = () => retention.heldForMs;
  const health = new HealthService({ store, runtime, environment, version, circuits, retentionHeldForMs });
  const points = new PointsService(store, catalogue);
  const legacy = new LegacyService({ events, points, catalogue, runtime });
  const tokens = new TokenService({ signer: keys.signer, clients, runtime });
  const auth = new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log });
  const delay = parts.eventLoopDelay ?? new TimerEventLoopDelay(runtime);
  const controllers: Controllers = {
    ...createOperatorControllers({ store, runtime, destinations: current }, worker),
    auth: new AuthController(auth),
    events: new EventController({ events, runtime }),
    legacy: new LegacyController({ legacy, directory: users.directory }),
    ndjson: new NdjsonController({ events, runtime }),
    operations: createOperationsController(config, { health, metrics, delay, keys }),
    reading: new EventReadController(events),
    stream: new StreamController(stream, runtime),
    users: new UserController({ batch: users.batch, directory: users.directory, points }),
  };
  const served = { runtime, log, keys, tokens, drainMs, delay, controllers, observe: metrics.answered };
  const server = createServers(config, served);
  const port = await server.start();
  started.push(async () => {
    health.stopping();
    events.stopWaiting();
    stream.close();
    await Promise.all([server.stop(), worker.stop()]);
    await events.idle();
  });
  files.watchClients(runtime, log);
  return { url: urlOf(config, port), reload: () => files.reload(worker, log) };
}

function urlOf({ host, tlsCertFile }: Config, port: number): string {
  return `${tlsCertFile === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** Opens the store that the settings name; a failed fsync ends the process. */
function openStore(config: Config, parts: GatewayParts, runtime: Runtime): Promise<EventStore> {
  const { log, onFatal, openStore: open } = parts;
  const { store: location, migrationsFolder } = config;
  return openEventStore({ location, migrationsFolder, log, runtime, onFatal, ...(open && { open }) });
}

type WorkerParts = Omit<DeliveryWorkerParts, 'settings' | 'circuitCooldownMs'> & { readonly drainMs: number };

/** What sends the deliveries. */
function createWorker(config: Config, { drainMs, ...parts }: WorkerParts): DeliveryWorker {
  const { retryBaseMs, retryMaxMs, retryForMs, leaseMs, attemptTimeoutMs, circuitCooldownMs } = config;
  const schedule = { baseMs: retryBaseMs, maxMs: retryMaxMs, forMs: retryForMs };
  const settings = { leaseMs, attemptTimeoutMs, drainMs, schedule };
  return new DeliveryWorker({ ...parts, circuitCooldownMs, settings });
}

interface EventsParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly catalogue: Catalogue;
  readonly destinations: () => readonly Destination[];
  readonly metrics: GatewayMetrics;
}

/** What accepts events, and the cache in front of it; null where that is switched off. */
function createEvents(config: Config, parts: EventsParts): { events: EventService; cache: Cache | null } {
  const { backlogMax, eventMaxAgeMs: maxAgeMs, eventMaxAheadMs: maxAheadMs, idempotencyCacheSize } = config;
  const { metrics, ...rest } = parts;
  const { committed: onCommit, repeated: onRepeat, lookedUp: onLookUp } = metrics;
  const cache = idempotencyCacheSize === 0 ? null : new MemoryCache(idempotencyCacheSize);
  const idempotency = cache === null ? null : new IdempotencyCache({ ...rest, cache, maxAgeMs, onLookUp });
  const limits = { backlogMax, maxAgeMs, maxAheadMs };
  return { events: new EventService({ ...rest, ...limits, idempotency, onCommit, onRepeat }), cache };
}

interface OperatorParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly destinations: () => readonly Destination[];
}

/** The operator's levers: dead letters, destinations, and the record of who did what. */
function createOperatorControllers(
  parts: OperatorParts,
  worker: DeliveryWorker,
): Pick<Controllers, 'deliveries' | 'destinations'> {
  const deadLetters = new DeadLetterService({ ...parts, nudge: (destination) => worker.nudge(destination) });
  const { holds } = worker;
  const destinations = new DestinationService({ ...parts, circuits: () => worker.circuits(), holds });
  return { deliveries: new DeliveryController(deadLetters), destinations: new DestinationController(destinations) };
}

interface OperationsParts {
  readonly health: HealthService;
  readonly metrics: GatewayMetrics;
  readonly delay: EventLoopDelay;
  readonly keys: SettingsKeys;
}

/** What the service says of itself. */
function createOperationsController(config: Config, parts: OperationsParts): OperationsController {
  const { health, metrics, delay, keys } = parts;
  return new OperationsController({
    health,
    metrics,
    metricsMoment: () => ({ circuits: health.circuits(), eventLoopDelaySeconds: delay.p99Ms / 1000 }),
    publicKeys: () => keys.signer.publicKeys(),
    document: () => buildDocument(config.version, config.publicUrl),
    docsPage: (document) => docsPage(document as JsonSchema),
    docsStyle: DOCS_STYLE,
  });
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
