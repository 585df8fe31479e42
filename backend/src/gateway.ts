import { join } from 'node:path';

import { createDeliveryWorker, createDestinations } from './composition/compose-delivery';
import { createHttpServer } from './composition/compose-http';
import type { Config } from './config';
import { readCatalogueFile } from './external-services/files/catalogue-file';
import { readClientsFile } from './external-services/files/clients-file';
import { openThreadedEventStore } from './external-services/sqlite/threaded-event-store';
import { systemRuntime } from './external-services/system-runtime';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { ClientRegistry } from './services/auth/client-registry';
import { Catalogue } from './services/events/catalogue';
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { EventStream } from './services/events/event-stream';
import { HealthService } from './services/health-service';

export interface Gateway {
  /** Opens the store, starts the worker, listens. May throw, and then leaves nothing behind. */
  start(): Promise<{ readonly url: string }>;
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
}

/** Of the time that a stop may take, what requests and attempts in flight get; the rest is for recording what was sent. */
const DRAIN_SHARE = 0.8;

type Started = (() => Promise<void>)[];

/** Builds the whole gateway from its settings: for the process, and for the tests, which give port 0. */
export function createGateway(config: Config, parts: GatewayParts): Gateway {
  /** What was started and must be stopped, last in, first out. */
  const started: Started = [];
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
    })();
    return stopping;
  };
  const start = () =>
    startAll(config, parts, started).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  return { start, stop };
}

/** The order in which everything starts; what must be stopped is put on the stack as soon as it runs. */
async function startAll(config: Config, parts: GatewayParts, started: Started): Promise<{ readonly url: string }> {
  const { log, runtime = systemRuntime } = parts;
  const drainMs = config.shutdownTimeoutMs * DRAIN_SHARE;
  const catalogue = new Catalogue(await readCatalogueFile(config.eventsFile));
  const clients = new ClientRegistry(await readClientsFile(config.clientsFile, config));

  const store = await (parts.openStore ?? (() => openStore(config, log)))();
  started.push(() => store.close());

  const destinations = createDestinations(config);
  started.push(async () => destinations.forEach((destination) => destination.close()));
  const feed = new EventFeed();
  const stream = new EventStream(feed, runtime.newId());
  const worker = createDeliveryWorker(config, { store, runtime, feed, log, destinations, drainMs });
  if (config.role !== 'api') {
    started.push(() => worker.stop());
    await worker.start();
  }

  const events = new EventService({
    store,
    runtime,
    catalogue,
    feed,
    destinations: () => destinations,
    backlogMax: config.backlogMax,
    maxAgeMs: config.eventMaxAgeMs,
    maxAheadMs: config.eventMaxAheadMs,
  });
  const { environment, version } = config;
  const health = new HealthService({ store, runtime, environment, version, circuits: () => worker.circuits() });
  const server = createHttpServer(config, { runtime, log, store, catalogue, clients, events, stream, health, drainMs });
  const port = await server.start();
  started.push(async () => {
    health.stopping();
    events.stopWaiting();
    stream.close();
    await Promise.all([server.stop(), worker.stop()]);
    await events.idle();
  });
  if (config.isJwtKeyMade) log.warn({}, 'JWT_SECRET is not set: a key was made for this run, tokens end with it');
  return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${String(port)}` };
}

function openStore(config: Config, log: Log): Promise<EventStore> {
  const migrationsDir = join(config.migrationsFolder, 'sqlite');
  return openThreadedEventStore({ path: config.store.path, migrationsDir, log });
}
