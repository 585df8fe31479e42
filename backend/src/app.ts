import express, { type Express, type RequestHandler } from 'express';

import { AppError } from './errors';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { bodyDeadline } from './middleware/body-deadline';
import { allowOrigins } from './middleware/allow-origins';
import { deprecated } from './middleware/deprecated';
import { handleError } from './middleware/handle-error';
import type { RequestLimiting } from './middleware/limit-requests';
import { measureRequest, type Observe } from './middleware/measure-request';
import { parseQuery } from './middleware/parse-query';
import { refuseHeaders } from './middleware/refuse-headers';
import { requestContext } from './middleware/request-context';
import { securityHeaders } from './middleware/security-headers';
import { shedLoad } from './middleware/shed-load';
import type { Route } from './route';
import type { Scope } from './types/auth';

/** A body takes at most this long; streams of events are excepted (middleware/body-deadline.ts). */
const BODY_DEADLINE_MS = 30_000;

export interface AppParts {
  readonly routes: readonly Route[];
  /** Makes the middleware that lets in only callers with this scope. */
  readonly authenticate: (scope: Scope) => RequestHandler;
  readonly limiting: RequestLimiting;
  readonly corsOrigins: readonly string[];
  readonly isOverloaded: () => boolean;
  readonly observe: Observe;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly trustProxy: boolean | number | string;
}

/** The order in which a request passes through. Never listens. */
export function createApp({
  routes,
  authenticate,
  limiting,
  corsOrigins,
  isOverloaded,
  observe,
  runtime,
  log,
  trustProxy,
}: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  app.set('trust proxy', trustProxy);

  app.use(requestContext(runtime));
  app.use(securityHeaders());
  app.use(allowOrigins(corsOrigins));
  app.use(refuseHeaders);
  app.use(shedLoad(isOverloaded, new Set(routes.flatMap(({ path, isProbe }) => (isProbe === true ? [path] : [])))));
  app.use(bodyDeadline(BODY_DEADLINE_MS));
  for (const [path, rows] of byPath(routes)) {
    for (const row of rows) {
      app[row.method](
        path,
        measureRequest(path, runtime, observe),
        ...guards(row, authenticate, limiting),
        row.handler,
      );
    }
    app.all(path, ...rows.slice(0, 1).flatMap(noticeOf), refuseMethod(rows));
  }
  app.use(() => {
    throw new AppError('not_found', 'There is nothing at this path.');
  });
  app.use(limiting.refused);
  app.use(handleError(log));
  return app;
}

/** Every answer of a deprecated route says so, refusals too. */
const noticeOf = ({ successor }: Route): RequestHandler[] => (successor === undefined ? [] : [deprecated(successor)]);

/** Authentication and limits stand before the body is read: who may not come in is not listened to. */
function guards(
  route: Route,
  authenticate: (scope: Scope) => RequestHandler,
  { byClient, byAddress }: RequestLimiting,
): RequestHandler[] {
  const { method, path, scope, body, isProbe } = route;
  // The table is typed, but a route may come from plain JavaScript or a cast: a missing scope must stop the start.
  if ((scope as string | undefined) === undefined) throw new Error(`${method.toUpperCase()} ${path} declares no scope`);
  const unauthenticated = isProbe === true ? [] : [byAddress];
  const admission = scope === 'public' ? unauthenticated : [authenticate(scope), byClient];
  return [...noticeOf(route), ...admission, ...(body ? [body] : [])];
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const grouped = new Map<string, Route[]>();
  for (const route of routes) grouped.set(route.path, [...(grouped.get(route.path) ?? []), route]);
  return grouped;
}

function refuseMethod(rows: readonly Route[]): RequestHandler {
  const allow = rows.flatMap(({ method }) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).join(', ');
  return (request) => {
    throw new AppError('method_not_allowed', `${request.method} is not a method of this path; allowed: ${allow}.`, {
      headers: { Allow: allow },
    });
  };
}
