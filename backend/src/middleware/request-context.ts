import type { NextFunction, Request, RequestHandler, Response } from 'express';

import type { Runtime } from '../interfaces/runtime';

const PRINTABLE_ASCII = /^[\x20-\x7e]{1,128}$/;

/**
 * Gives each request an id: the caller's `X-Request-Id` where it is 1–128 printable ASCII
 * characters, else a new one. Returned, logged and sent on.
 */
export function requestContext(runtime: Runtime) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && PRINTABLE_ASCII.test(given) ? given : runtime.newId();
    response.locals['requestId'] = requestId;
    response.setHeader('X-Request-Id', requestId);
    next();
  };
}

export type Observe = (route: string, method: string, status: number, durationMs: number) => void;

/**
 * Tells how long each request of a route took, up to the last byte of its answer. Named by the
 * route, of which there are few, not by the path.
 */
export function measureRequest(route: string, runtime: Runtime, observe: Observe): RequestHandler {
  return (request, response, next) => {
    const startedAt = runtime.monotonic();
    response.on('close', () => observe(route, request.method, response.statusCode, runtime.monotonic() - startedAt));
    next();
  };
}
