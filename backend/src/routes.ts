import type { Request, RequestHandler } from 'express';

import type { AuthController } from './controllers/auth-controller';
import type { DeliveryController } from './controllers/delivery-controller';
import type { DestinationController } from './controllers/destination-controller';
import type { DocsController } from './controllers/docs-controller';
import type { EventController } from './controllers/event-controller';
import type { EventReadController } from './controllers/event-read-controller';
import type { KeysController } from './controllers/keys-controller';
import type { MetricsController } from './controllers/metrics-controller';
import type { NdjsonController } from './controllers/ndjson-controller';
import type { OperationController } from './controllers/operation-controller';
import type { PointsController } from './controllers/points-controller';
import type { UserController } from './controllers/user-controller';
import type { StreamController } from './controllers/stream-controller';
import { mediaTypeOf, readForm, readJson, readJsonList, readOptionalJson } from './middleware/read-body';
import type { Route } from './route';
import { type FamilyControllers, familyRoutes } from './routes-families';

export interface Controllers extends FamilyControllers {
  readonly auth: AuthController;
  readonly keys: KeysController;
  readonly metrics: MetricsController;
  readonly events: EventController;
  readonly ndjson: NdjsonController;
  readonly reading: EventReadController;
  readonly stream: StreamController;
  readonly points: PointsController;
  readonly users: UserController;
  readonly operation: OperationController;
  readonly docs: DocsController;
  readonly deliveries: DeliveryController;
  readonly destinations: DestinationController;
}

const KIB = 1024;
const BODY_BYTES = 100 * KIB;
const BATCH_BYTES = 5 * KIB * KIB;

const isNdjson = (request: Request): boolean => mediaTypeOf(request) === 'application/x-ndjson';

/** A stream of lines is read by its controller, as it comes. */
const exceptNdjson =
  (read: RequestHandler): RequestHandler =>
  (request, response, next) => {
    if (isNdjson(request)) next();
    else void read(request, response, next);
  };

/** Every route of the gateway. Paths that are fixed stand before those with a parameter. */
export function routes(controllers: Controllers): Route[] {
  const { auth, keys, metrics, events, ndjson, reading, stream, points, users, operation, docs } = controllers;
  return [
    { method: 'get', path: '/', scope: 'public', handler: operation.getRoot },
    { method: 'post', path: '/auth', scope: 'public', body: readJson(BODY_BYTES), handler: auth.post },
    {
      method: 'post',
      path: '/auth/token',
      scope: 'public',
      body: auth.tokenForm(readForm(BODY_BYTES)),
      handler: auth.postToken,
    },
    { method: 'get', path: '/.well-known/jwks.json', scope: 'public', handler: keys.get },
    { method: 'get', path: '/health', scope: 'public', isProbe: true, handler: operation.getHealth },
    { method: 'get', path: '/ready', scope: 'public', isProbe: true, handler: operation.getReady },
    { method: 'get', path: '/openapi.json', scope: 'public', handler: docs.getDocument },
    { method: 'get', path: '/docs', scope: 'public', handler: docs.getPage },
    { method: 'get', path: '/docs/style.css', scope: 'public', handler: docs.getStyle },
    { method: 'get', path: '/metrics', scope: 'ops:read', isProbe: true, handler: metrics.get },
    { method: 'get', path: '/version', scope: 'public', handler: operation.getVersion, successor: '/health' },
    { method: 'post', path: '/events', scope: 'events:write', body: readJson(BODY_BYTES), handler: events.post },
    {
      method: 'post',
      path: '/events/batch',
      scope: 'events:write',
      body: exceptNdjson(readJsonList(BATCH_BYTES, 'events')),
      handler: (request, response) => (isNdjson(request) ? ndjson.post : events.postBatch)(request, response),
    },
    { method: 'get', path: '/events/circuit-status', scope: 'events:read', handler: operation.getCircuitStatus },
    { method: 'get', path: '/events', scope: 'events:read', handler: reading.list },
    { method: 'get', path: '/events/stream', scope: 'events:read', handler: stream.get },
    { method: 'get', path: '/events/user/:id', scope: 'events:read', handler: reading.listOfUser },
    { method: 'get', path: '/users', scope: 'users:read', handler: users.list },
    {
      method: 'post',
      path: '/users/batch-info',
      scope: 'users:read',
      body: readJson(BATCH_BYTES),
      handler: users.postBatchInfo,
    },
    { method: 'get', path: '/users/:id', scope: 'users:read', handler: users.get },
    { method: 'get', path: '/users/:id/summary', scope: 'users:read', handler: users.getSummary },
    { method: 'get', path: '/users/:id/points', scope: 'users:read', handler: points.get },
    { method: 'get', path: '/events/:id', scope: 'events:read', handler: reading.get },
    { method: 'get', path: '/events/:id/attempts', scope: 'events:read', handler: reading.getAttempts },
    ...familyRoutes(controllers),
    ...operatorRoutes(controllers),
  ];
}

/** The operator's levers. What they post may be without a body. */
function operatorRoutes({ deliveries, destinations }: Controllers): Route[] {
  const body = readOptionalJson(BODY_BYTES);
  const write = { method: 'post', scope: 'ops:write', body } as const;
  return [
    { method: 'get', path: '/deliveries', scope: 'ops:read', handler: deliveries.list },
    { ...write, path: '/deliveries/replay', handler: deliveries.replay },
    { ...write, path: '/deliveries/discard', handler: deliveries.discard },
    { ...write, path: '/events/:id/replay', handler: deliveries.replayEvent },
    { ...write, path: '/events/:id/discard', handler: deliveries.discardEvent },
    { method: 'get', path: '/destinations', scope: 'ops:read', handler: destinations.list },
    { ...write, path: '/destinations/:name/pause', handler: destinations.pause },
    { ...write, path: '/destinations/:name/resume', handler: destinations.resume },
    { method: 'get', path: '/operator/actions', scope: 'ops:read', handler: destinations.actions },
  ];
}
