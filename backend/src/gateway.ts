import { join } from 'node:path';

import { createApp } from './app';
import type { Config } from './config';
import { AuthController } from './controllers/auth-controller';
import { EventController } from './controllers/event-controller';
import { OperationController } from './controllers/operation-controller';
import { readCatalogueFile } from './external-services/files/catalogue-file';
import { readClientsFile } from './external-services/files/clients-file';
import { AdEventsXDestination } from './external-services/destinations/adeventsx-destination';
import { UpstreamClient } from './external-services/http/upstream-client';
import { openSqliteEventStore } from './external-services/sqlite/sqlite-event-store';
import { systemRuntime } from './external-services/system-runtime';
import { JwtSigner } from './external-services/tokens/jwt-signer';
import { hmacTokenKey } from './external-services/tokens/token-key';
import { HttpServer } from './http-server';
import type { Destination } from './interfaces/destination';
import type { EventStore } from './interfaces/event-store';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { authenticate } from './middleware/authenticate';
import { toAppError, toProblem } from './middleware/handle-error';
import { routes } from './routes';
import { AuthService } from './services/auth/auth-service';
import { ClientRegistry } from './services/auth/client-registry';
import { FailureLimiter } from './services/auth/failure-limiter';
import { TokenService } from './services/auth/token-service';
import { DeliveryWorker } from './services/delivery/delivery-worker';
import { Catalogue } from './services/events/catalogue';
import { EventFeed } from './services/events/event-feed';
import { EventService } from './services/events/event-service';
import { HealthService } from './services/health-service';
import { readAuthInput } from './validation-schemas/auth';
import { readEvent } from './validation-schemas/event';

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

/** Of the time that a stop may take, what the HTTP side gets; the rest is for recording what was sent. */
const DRAIN_SHARE = 0.8;

/** Builds the whole gateway from its settings: for the process and for the tests, which give port 0. */
export function createGateway(config: Config, parts: GatewayParts): Gateway {
  const { log, runtime = systemRuntime } = parts;
  /** What was started and must be stopped, last in, first out. */
  const started: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | null = null;

  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      for (let end = started.pop(); end !== undefined; end = started.pop()) await end();
    })();
    return stopping;
  };

  const build = async (): Promise<{ readonly url: string }> => {
    const drainMs = config.shutdownTimeoutMs * DRAIN_SHARE;
    const catalogue = new Catalogue(await readCatalogueFile(config.eventsFile));
    const clients = new ClientRegistry(await readClientsFile(config.clientsFile, config));
    const store = await (
      parts.openStore ??
      (() =>
        openSqliteEventStore({
          path: config.store.path,
          migrationsDir: join(config.migrationsFolder, 'sqlite'),
          log,
          runtime,
        }))
    )();
    started.push(() => store.close());

    const destinations = createDestinations(config);
    started.push(async () => destinations.forEach((destination) => destination.close()));
    const feed = new EventFeed();
    const { backlogMax, eventMaxAgeMs: maxAgeMs, eventMaxAheadMs: maxAheadMs } = config;
    const events = new EventService({
      store,
      runtime,
      catalogue,
      feed,
      destinations: () => destinations,
      backlogMax,
      maxAgeMs,
      maxAheadMs,
    });
    const {
      retryBaseMs: baseMs,
      retryMaxMs: maxMs,
      retryForMs: forMs,
      leaseMs,
      attemptTimeoutMs,
      circuitCooldownMs,
    } = config;
    const settings = { leaseMs, attemptTimeoutMs, drainMs, schedule: { baseMs, maxMs, forMs } };
    const worker = new DeliveryWorker({ destinations, store, runtime, feed, log, settings, circuitCooldownMs });
    if (config.role !== 'api') {
      started.push(() => worker.stop());
      await worker.start();
    }

    const health = new HealthService({
      store,
      runtime,
      environment: config.environment,
      version: config.version,
      circuits: () => worker.circuits(),
    });
    const [firstKey, ...olderKeys] = config.jwtKeys.map(hmacTokenKey);
    if (firstKey === undefined) throw new Error('no JWT key is configured');
    const tokens = new TokenService({ signer: new JwtSigner([firstKey, ...olderKeys]), clients, runtime });
    const auth = new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log });
    const app = createApp({
      routes: routes({
        auth: new AuthController({ auth, readAuthInput }),
        events: new EventController({
          events,
          runtime,
          readEvent,
          toProblem: (error, id) => toProblem(toAppError(error), id),
        }),
        operation: new OperationController(health),
      }),
      authenticate: (scope) => authenticate((token) => tokens.verify(token), scope),
      trustProxy: config.trustProxy,
      runtime,
      log,
    });
    const server = new HttpServer(app, { host: config.host, port: config.port, runtime, stopTimeoutMs: drainMs });
    const port = await server.start();
    started.push(async () => {
      health.stopping();
      events.stopWaiting();
      await Promise.all([server.stop(), worker.stop()]);
      await events.idle();
    });
    if (config.isJwtKeyMade)
      log.warn({}, 'JWT_SECRET is not set: a key was made for this run, tokens end with the process');
    return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${String(port)}` };
  };

  return {
    start: () =>
      build().catch(async (error: unknown) => {
        await stop();
        throw error;
      }),
    stop,
  };
}

function createDestinations(config: Config): Destination[] {
  if (config.adeventsxUrl === null || config.adeventsxApiKey === null) return [];
  const client = new UpstreamClient({ maxSockets: config.deliveryConcurrency });
  const settings = {
    url: config.adeventsxUrl,
    apiKey: config.adeventsxApiKey,
    events: '*',
    concurrency: config.deliveryConcurrency,
  } as const;
  return [new AdEventsXDestination({ ...settings, name: 'adeventsx', ratePerSecond: null, mode: 'live' }, client)];
}
