import { createApp, type AppParts } from '../app';
import type { Config } from '../config/config';
import { AuthController } from '../controllers/auth-controller';
import { DocsController } from '../controllers/docs-controller';
import { EventController } from '../controllers/event-controller';
import { EventReadController } from '../controllers/event-read-controller';
import { KeysController } from '../controllers/keys-controller';
import { MetricsController } from '../controllers/metrics-controller';
import { NdjsonController } from '../controllers/ndjson-controller';
import { OperationController } from '../controllers/operation-controller';
import { PointsController } from '../controllers/points-controller';
import { StreamController } from '../controllers/stream-controller';
import { HttpServer } from '../http-server';
import type { EventStore } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import { authenticate } from '../middleware/authenticate';
import { toAppError, toProblem } from '../middleware/handle-error';
import { limitRequests, type RequestLimiting } from '../middleware/limit-requests';
import { openBody } from '../middleware/read-body';
import { readLines } from '../middleware/read-lines';
import { parseStrictJson } from '../middleware/strict-json';
import { decodeUtf8 } from '../middleware/utf8';
import { buildDocument } from '../openapi/document';
import { DOCS_STYLE, docsPage } from '../openapi/docs-page';
import type { JsonSchema } from '../openapi/operation';
import type { Route } from '../route';
import { routes, type Controllers } from '../routes';
import { addressGroup } from '../services/auth/address-group';
import { AuthService } from '../services/auth/auth-service';
import type { ClientRegistry } from '../services/auth/client-registry';
import { FailureLimiter } from '../services/auth/failure-limiter';
import { RequestLimits } from '../services/auth/request-limits';
import { TokenService } from '../services/auth/token-service';
import type { Catalogue } from '../services/events/catalogue';
import type { EventService } from '../services/events/event-service';
import type { EventStream } from '../services/events/event-stream';
import type { HealthService } from '../services/operations/health-service';
import { PointsService } from '../services/points/points-service';
import { readAuthInput } from '../validation-schemas/auth';
import { readEvent } from '../validation-schemas/event';
import { readEventQuery } from '../validation-schemas/event-query';
import { createFamilies } from './compose-families';
import type { Watch } from './compose-watch';
import type { SettingsKeys } from '../config/settings-files';
import type { Users } from './compose-users';

export interface HttpParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly store: EventStore;
  readonly catalogue: Catalogue;
  readonly clients: ClientRegistry;
  readonly keys: SettingsKeys;
  readonly watch: Watch;
  readonly events: EventService;
  readonly users: Users;
  readonly stream: EventStream;
  readonly health: HealthService;
  readonly operator: Pick<Controllers, 'deliveries' | 'destinations'>;
  /** How long a stop waits for requests in flight. */
  readonly drainMs: number;
}

/** The HTTP side: tokens, controllers, routes, and the server that listens. */
export function createHttpServer(config: Config, parts: HttpParts): Pick<HttpServer, 'start' | 'stop'> {
  const { runtime, log, store, catalogue, clients, events, stream, users, health, operator, keys, watch } = parts;
  const tokens = new TokenService({ signer: keys.signer, clients, runtime });
  const auth = new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log });
  const points = new PointsService(store, catalogue);
  const problemOf = (error: unknown, requestId: string) => toProblem(toAppError(error), requestId);
  const table: readonly Route[] = routes({
    auth: new AuthController({ auth, readAuthInput }),
    keys: new KeysController(() => keys.signer.publicKeys()),
    events: new EventController({ events, runtime, readEvent, toProblem: problemOf }),
    ndjson: new NdjsonController({
      events,
      runtime,
      readLine: (bytes) => readEvent(parseStrictJson(decodeUtf8(bytes))),
      openBody,
      readLines,
      toProblem: problemOf,
    }),
    reading: new EventReadController({ events, store, readQuery: readEventQuery }),
    stream: new StreamController(stream, runtime),
    points: new PointsController(points),
    users: users.controller,
    operation: new OperationController(health),
    docs: new DocsController({
      document: () => buildDocument(table, config.version, config.publicUrl),
      page: (document) => docsPage(document as JsonSchema),
      style: DOCS_STYLE,
    }),
    metrics: createMetricsController(parts),
    ...operator,
    ...createFamilies({ events, points, catalogue, runtime, directory: users.directory }),
  });
  return createServers(config, parts, {
    routes: table,
    authenticate: (scope) => authenticate((token) => tokens.verify(token), scope),
    limiting: createLimiting(config, runtime),
    publicUrl: config.publicUrl ?? '',
    corsOrigins: config.corsOrigins,
    observe: watch.metrics.answered,
    trustProxy: config.trustProxy,
    runtime,
    log,
  });
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

function createMetricsController({ watch, health }: HttpParts): MetricsController {
  return new MetricsController(watch.metrics, () => ({
    circuits: health.circuits(),
    eventLoopDelaySeconds: watch.delay.p99Ms / 1000,
  }));
}

/** The server of the API, and beside it the one that METRICS_PORT asks for; the process is watched for as long as they run. */
function createServers(config: Config, parts: HttpParts, app: Omit<AppParts, 'isOverloaded'>) {
  const { runtime, keys, watch, drainMs: stopTimeoutMs, log } = parts;
  const { host, port, trustProxy, metricsPort } = config;
  const isOverloaded = (): boolean => server.openRequests > (watch.isShedding() ? REQUESTS_FEW : REQUESTS_MAX);
  const common = { host, runtime, stopTimeoutMs, isBehindProxy: trustProxy !== false };
  const server: HttpServer = new HttpServer(createApp({ ...app, isOverloaded }), { ...common, port, tls: keys.tls });
  keys.onNewTls = (pair) => server.replaceTls(pair);
  const { get } = createMetricsController(parts);
  const open: Route = { method: 'get', path: '/metrics', scope: 'public', isProbe: true, handler: get };
  const metricsApp = createApp({ ...app, routes: [open], corsOrigins: [], isOverloaded: () => false });
  const metricsServer = new HttpServer(metricsApp, { ...common, port: metricsPort ?? 0, tls: null });
  return {
    start: async (): Promise<number> => {
      if (metricsPort !== null) log.info({ port: await metricsServer.start() }, 'metrics.listening');
      const listening = await server.start().catch(async (error: unknown) => {
        await metricsServer.stop();
        throw error;
      });
      watch.start();
      return listening;
    },
    stop: async (): Promise<void> => {
      await server.stop();
      watch.stop();
      await metricsServer.stop();
    },
  };
}
