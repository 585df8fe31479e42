import express, { type Express, type RequestHandler } from 'express';

import { AppError } from './errors';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { allowOrigins } from './middleware/allow-origins';
import { deprecated } from './middleware/deprecated';
import { handleError } from './middleware/handle-error';
import { inSequence } from './middleware/in-sequence';
import type { RequestLimiting } from './middleware/limit-requests';
import { measureRequest, type Observe } from './middleware/measure-request';
import { parseQuery } from './middleware/parse-query';
import { refuseHeaders } from './middleware/refuse-headers';
import { requestContext } from './middleware/request-context';
import { securityHeaders } from './middleware/security-headers';
import { shedLoad } from './middleware/shed-load';
import { PathTable } from './path-table';
import type { Route } from './route';
import type { Scope } from './types/auth';

export interface AppParts {
  readonly routes: readonly Route[];
  /** Makes the middleware that lets in only callers with this scope. */
  readonly authenticate: (scope: Scope) => RequestHandler;
  readonly limiting: RequestLimiting;
  /** What every link begins with; empty: links begin at the root. */
  readonly publicUrl: string;
  readonly corsOrigins: readonly string[];
  readonly isOverloaded: () => boolean;
  readonly observe: Observe;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly trustProxy: boolean | number | string;
}

/** The order in which a request passes through. Never listens. */
export function createApp(parts: AppParts): Express {
  const { routes, limiting, corsOrigins, isOverloaded, runtime, log, trustProxy } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  app.set('trust proxy', trustProxy);
  app.locals['publicUrl'] = parts.publicUrl;
  const probes = new Set(routes.flatMap(({ path, isProbe }) => (isProbe === true ? [path] : [])));
  app.use(
    inSequence([
      requestContext(runtime),
      securityHeaders(),
      allowOrigins(corsOrigins),
      refuseHeaders,
      shedLoad(isOverloaded, probes),
      dispatch(parts),
    ]),
  );
  app.use(limiting.refused);
  app.use(handleError(log));
  return app;
}

/** What a path does, by method; any other method is refused. */
interface PathHandlers {
  readonly byMethod: ReadonlyMap<string, RequestHandler>;
  readonly refuse: RequestHandler;
}

/** Hands the request to the route of its path and method. */
function dispatch({ routes, authenticate, limiting, observe, runtime, publicUrl }: AppParts): RequestHandler {
  const table = new PathTable<PathHandlers>();
  // Every answer of a deprecated route says so, refusals too.
  const notice = ({ successor }: Route): RequestHandler[] =>
    successor === undefined ? [] : [deprecated(`${publicUrl}${successor}`)];
  for (const [path, rows] of byPath(routes)) {
    const byMethod = new Map<string, RequestHandler>();
    for (const row of rows) {
      const measure = measureRequest(path, runtime, observe);
      const handler = inSequence([measure, ...notice(row), ...guards(row, authenticate, limiting), row.handler]);
      for (const method of methodsOf(row)) byMethod.set(method, handler);
    }
    const refuse = inSequence([...rows.slice(0, 1).flatMap(notice), refuseMethod([...byMethod.keys()].join(', '))]);
    table.add(path, { byMethod, refuse });
  }
  return (request, response, next) => {
    const found = table.find(request.path);
    if (found === null) throw new AppError('not_found', 'There is nothing at this path.');
    const { byMethod, refuse } = found.value;
    request.params = found.params;
    void (byMethod.get(request.method) ?? refuse)(request, response, next);
  };
}

/** A handler of GET answers HEAD too: node then leaves the body out (RFC 9110, section 9.3.2). */
const methodsOf = ({ method }: Route): readonly string[] =>
  method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()];

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
  return [...admission, ...(body ? [body] : [])];
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const grouped = new Map<string, Route[]>();
  for (const route of routes) grouped.set(route.path, [...(grouped.get(route.path) ?? []), route]);
  return grouped;
}

function refuseMethod(allow: string): RequestHandler {
  return (request) => {
    throw new AppError('method_not_allowed', `${request.method} is not a method of this path; allowed: ${allow}.`, {
      headers: { Allow: allow },
    });
  };
}
