import { join } from 'node:path';

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
import { distrustProbeAfterFailure } from './external-services/distrust-probe';
import { guardAgainstFailedFsync } from './external-services/fsync-guard';
import { PrometheusMetrics } from './external-services/metrics/prometheus-metrics';
import { createEventApi } from './external-services/sources/event-api';
import { SourceClient } from './external-services/sources/source-client';
import { createUserApi } from './external-services/sources/user-api';
import { openThreadedEventStore } from './external-services/sqlite/threaded-event-store';
import { systemRuntime } from './external-services/system-runtime';
import { TimerEventLoopDelay } from './external-services/timer-event-loop-delay';
import type { Destination } from './interfaces/destination';
import type { EventLoopDelay } from './interfaces/event-loop-delay';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
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
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { EventStream } from './services/events/event-stream';
import { LegacyService } from './services/legacy/legacy-service';
import { GatewayMetrics } from './services/operations/gateway-metrics';
import { HealthService } from './services/operations/health-service';
import { Retention } from './services/operations/retention';
import { PointsService } from './services/points/points-service';
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
  const accepting = { backlogMax, maxAgeMs, maxAheadMs, onCommit: metrics.committed };
  const events = new EventService({ ...common, ...accepting, catalogue, destinations: current });
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
