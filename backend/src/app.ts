import express, { type Express, type RequestHandler } from 'express';

import { inSequence, parseQuery, routeRequests } from './http/router';
import type { Log } from './interfaces/log';
import type { Runtime } from './interfaces/runtime';
import { handleError } from './middleware/handle-error';
import { allowOrigins, deprecated, refuseHeaders, securityHeaders } from './middleware/headers';
import type { RequestLimiting } from './middleware/limit-requests';
import { measureRequest, type Observe, requestContext } from './middleware/request-context';
import { shedLoad } from './middleware/shed-load';
import type { Controllers, Route } from './routes/route';
import type { Scope } from './types/auth';

export interface AppParts {
  readonly routes: readonly Route[];
  readonly controllers: Controllers;
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
  const { routes, controllers, limiting, corsOrigins, isOverloaded, runtime, log, trustProxy } = parts;
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
      routeRequests(
        routes.map((route) => ({
          method: route.method,
          path: route.path,
          always: notice(route, parts),
          handlers: [
            measureRequest(route.path, runtime, parts.observe),
            ...guards(route, parts),
            route.handler(controllers),
          ],
        })),
      ),
    ]),
  );
  app.use(limiting.refused);
  app.use(handleError(log));
  return app;
}

/** Every answer of a deprecated route says so, refusals too. */
function notice({ successor }: Route, { publicUrl }: AppParts): RequestHandler[] {
  return successor === undefined ? [] : [deprecated(`${publicUrl}${successor}`)];
}

/**
 * Authentication and limits stand before the body is read: who may not come in is not listened to.
 */
function guards({ method, path, scope, body, isProbe }: Route, { authenticate, limiting }: AppParts): RequestHandler[] {
  // The table is typed, but a route may come from plain JavaScript or a cast: a missing scope must
  // stop the start.
  if ((scope as string | undefined) === undefined) throw new Error(`${method.toUpperCase()} ${path} declares no scope`);
  const unauthenticated = isProbe === true ? [] : [limiting.byAddress];
  const admission = scope === 'public' ? unauthenticated : [authenticate(scope), limiting.byClient];
  return [...admission, ...(body ? [body] : [])];
}
