import type { RequestHandler } from 'express';

import type { Runtime } from '../interfaces/runtime';

export type Observe = (route: string, method: string, status: number, durationMs: number) => void;

/** Tells how long each request of a route took, up to the last byte of its answer. Named by the route, of which there are few, not by the path. */
export function measureRequest(route: string, runtime: Runtime, observe: Observe): RequestHandler {
  return (request, response, next) => {
    const startedAt = runtime.monotonic();
    response.on('close', () => observe(route, request.method, response.statusCode, runtime.monotonic() - startedAt));
    next();
  };
}
