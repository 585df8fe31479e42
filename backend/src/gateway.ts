import { createDeliveryWorker } from './composition/compose-delivery';
import { createHttpServer } from './composition/compose-http';
import { createOperatorControllers } from './composition/compose-operator';
import { createUsers } from './composition/compose-users';
import { createRetention, openStore } from './composition/compose-store';
import { createWatch } from './composition/compose-watch';
import { SettingsFiles } from './config/settings-files';
import type { Config } from './config/config';
import { systemRuntime } from './external-services/system-runtime';
import type { EventLoopDelay } from './interfaces/event-loop-delay';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { EventStream } from './services/events/event-stream';
import { HealthService } from './services/operations/health-service';

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
  /** In place of node's own measure: a test's. */
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

/** The order in which everything starts; what must be stopped is put on the stack as soon as it runs. */
async function startAll(config: Config, parts: GatewayParts, started: Started): Promise<Running> {
  const { log, runtime = systemRuntime } = parts;
  const drainMs = config.shutdownTimeoutMs * DRAIN_SHARE;
  const files = await SettingsFiles.read(config, runtime);
  const { catalogue, clients, destinations, keys } = files;
  for (const { name, fields } of config.warnings()) log.warn(fields, name);
  files.warnWithoutDestination(log);

  const store = await openStore(config, parts, runtime);
  started.push(() => store.close());

  let reloading = Promise.resolve();
  started.push(() => reloading.then(() => destinations.close()));
  const feed = new EventFeed();
  const common = { store, runtime, feed, log };
  const watch = createWatch({ ...common, eventLoopDelay: parts.eventLoopDelay });
  const stream = new EventStream(feed, runtime.newId());
  const worker = createDeliveryWorker(config, { ...common, drainMs, destinations: destinations.current() });
  // A process that only takes requests sends nothing, but shows and changes what is held.
  const retention = createRetention(config, store, runtime, log);
  for (const part of config.role === 'api' ? [worker.holds] : [worker, retention]) {
    started.push(() => part.stop());
    await part.start();
  }

  const current = () => destinations.current();
  const onCommit = watch.metrics.committed;
  const events = new EventService({ ...common, ...limitsOf(config), catalogue, destinations: current, onCommit });
  const users = createUsers(config, { runtime, log });
  started.push(() => users.stop());
  const { environment, version } = config;
  const circuits = () => ({ ...worker.circuits(), ...users.circuits() });
  const retentionHeldForMs = () => retention.heldForMs;
  const health = new HealthService({ store, runtime, environment, version, circuits, retentionHeldForMs });
  const operator = createOperatorControllers({ store, runtime, worker, destinations: current });
  const http = { ...common, catalogue, clients, keys, events, stream, users, health, operator, watch, drainMs };
  const server = createHttpServer(config, http);
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
  if (config.isJwtKeyMade) log.warn({ setting: 'JWT_SECRET' }, 'settings.jwt_key_made');
  const reload = () => {
    const reloaded = reloading.then(() => files.reload(worker, log));
    // One after the other; a failure of one does not keep the next from being made.
    reloading = reloaded.catch(() => undefined);
    return reloaded;
  };
  return { url: urlOf(config, port), reload };
}

function limitsOf({ backlogMax, eventMaxAgeMs: maxAgeMs, eventMaxAheadMs: maxAheadMs }: Config) {
  return { backlogMax, maxAgeMs, maxAheadMs };
}

function urlOf({ host, tlsCertFile }: Config, port: number): string {
  return `${tlsCertFile === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}
