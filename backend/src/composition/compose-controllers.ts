import type { Config } from '../config/config';
import { AuthController } from '../controllers/auth-controller';
import { DeliveryController } from '../controllers/delivery-controller';
import { DestinationController } from '../controllers/destination-controller';
import { DocsController } from '../controllers/docs-controller';
import { EventController } from '../controllers/event-controller';
import { EventManagementController } from '../controllers/event-management-controller';
import { EventReadController } from '../controllers/event-read-controller';
import { EventTrackingController } from '../controllers/event-tracking-controller';
import { KeysController } from '../controllers/keys-controller';
import { MetricsController } from '../controllers/metrics-controller';
import { NdjsonController } from '../controllers/ndjson-controller';
import { OperationController } from '../controllers/operation-controller';
import { PointsController } from '../controllers/points-controller';
import { StreamController } from '../controllers/stream-controller';
import { UserController } from '../controllers/user-controller';
import type { Destination } from '../interfaces/destination';
import type { EventLoopDelay } from '../interfaces/event-loop-delay';
import type { EventStore } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import { toAppError, toProblem } from '../middleware/handle-error';
import { openBody } from '../middleware/read-body';
import { readLines } from '../middleware/read-lines';
import { parseStrictJson } from '../middleware/strict-json';
import { decodeUtf8 } from '../middleware/utf8';
import { buildDocument } from '../openapi/document';
import { DOCS_STYLE, docsPage } from '../openapi/docs-page';
import type { JsonSchema } from '../openapi/operation';
import { routes, type Controllers } from '../routes';
import { AuthService } from '../services/auth/auth-service';
import type { ClientRegistry } from '../services/auth/client-registry';
import { FailureLimiter } from '../services/auth/failure-limiter';
import type { TokenService } from '../services/auth/token-service';
import { DeadLetterService } from '../services/delivery/dead-letter-service';
import type { DeliveryWorker } from '../services/delivery/delivery-worker';
import { DestinationService } from '../services/delivery/destination-service';
import type { Catalogue } from '../services/events/catalogue';
import type { EventService } from '../services/events/event-service';
import type { EventStream } from '../services/events/event-stream';
import { EventManagementService } from '../services/families/event-management-service';
import { EventTrackingService } from '../services/families/event-tracking-service';
import type { GatewayMetrics } from '../services/operations/gateway-metrics';
import type { HealthService } from '../services/operations/health-service';
import { PointsService } from '../services/points/points-service';
import type { BatchService } from '../services/users/batch-service';
import type { DirectoryService } from '../services/users/directory-service';
import { readAuthInput } from '../validation-schemas/auth';
import { readEvent } from '../validation-schemas/event';
import { readEventQuery } from '../validation-schemas/event-query';
import { readAddEvent, readTracking, readTrackingQuery } from '../validation-schemas/families';
import * as schemas from '../validation-schemas/operator';
import { readBatchInfo, readSummaryQuery, readUserId } from '../validation-schemas/user';

/** What the controllers need of the gateway. */
export interface ControllersParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly store: EventStore;
  readonly catalogue: Catalogue;
  readonly clients: ClientRegistry;
  readonly publicKeys: () => readonly object[];
  readonly tokens: TokenService;
  readonly worker: DeliveryWorker;
  readonly destinations: () => readonly Destination[];
  readonly events: EventService;
  readonly users: { readonly batch: BatchService | null; readonly directory: DirectoryService | null };
  readonly stream: EventStream;
  readonly health: HealthService;
  readonly metrics: GatewayMetrics;
  readonly delay: EventLoopDelay;
}

/** Every controller, with the readers of what it is sent. */
export function createControllers(config: Config, parts: ControllersParts): Controllers {
  const { runtime, log, store, catalogue, clients, tokens, events, users, stream, health, metrics, delay } = parts;
  const auth = new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log });
  const points = new PointsService(store, catalogue);
  const tracking = new EventTrackingService(events, points, catalogue, runtime);
  const management = new EventManagementService(events, runtime);
  const { batch, directory } = users;
  const problemOf = (error: unknown, requestId: string) => toProblem(toAppError(error), requestId);
  const controllers: Controllers = {
    auth: new AuthController({ auth, readAuthInput }),
    keys: new KeysController(parts.publicKeys),
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
    users: new UserController({ batch, directory, readUserId, readBatchInfo, readSummaryQuery }),
    operation: new OperationController(health),
    docs: new DocsController({
      document: () => buildDocument(routes(controllers), config.version, config.publicUrl),
      page: (document) => docsPage(document as JsonSchema),
      style: DOCS_STYLE,
    }),
    metrics: new MetricsController(metrics, () => ({
      circuits: health.circuits(),
      eventLoopDelaySeconds: delay.p99Ms / 1000,
    })),
    ...operatorControllers(parts),
    tracking: new EventTrackingController({ tracking, readTracking, readTrackingQuery }),
    management: new EventManagementController({ management, directory, readUserId, readAddEvent }),
  };
  return controllers;
}

/** The operator's levers: dead letters, destinations, and the record of who did what. */
function operatorControllers(parts: ControllersParts): Pick<Controllers, 'deliveries' | 'destinations'> {
  const { store, runtime, worker, destinations: current } = parts;
  const { readBody, readFilterBody, readQuery } = schemas;
  const deadLetters = new DeadLetterService({
    store,
    runtime,
    destinations: current,
    nudge: (destination) => worker.nudge(destination),
  });
  const { holds } = worker;
  const destinations = new DestinationService({
    store,
    runtime,
    destinations: current,
    circuits: () => worker.circuits(),
    holds,
  });
  return {
    deliveries: new DeliveryController(deadLetters, {
      query: (raw) => readQuery(schemas.deliveryQuerySchema, raw),
      replay: (raw) => readFilterBody(schemas.replaySchema, raw),
      discard: (raw) => readFilterBody(schemas.discardSchema, raw),
      eventReplay: (raw) => readBody(schemas.eventReplaySchema, raw),
      eventDiscard: (raw) => readBody(schemas.eventDiscardSchema, raw),
    }),
    destinations: new DestinationController(destinations, {
      pause: (raw) => readBody(schemas.pauseSchema, raw),
      resume: (raw) => readBody(schemas.emptySchema, raw),
      actions: (raw) => readQuery(schemas.actionsQuerySchema, raw),
    }),
  };
}
