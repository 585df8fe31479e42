import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { AppError } from '../errors';

/**
 * A body must be here in time, or its sender only wants to hold a connection. Node's own requestTimeout knows one limit for all
 * requests; a stream of events may take hours, so the limit is kept here and lifted for streams.
 */

const lifts = new WeakMap<Request, () => void>();

export function bodyDeadline(limitMs: number): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    // Most bodies arrive with their headers, and most requests have none.
    if (request.headers['transfer-encoding'] === undefined && (request.headers['content-length'] ?? '0') === '0') {
      next();
      return;
    }
    const timer = setTimeout(() => {
      if (request.complete) return;
      if (response.headersSent) response.destroy();
      else next(tooLate(limitMs));
    }, limitMs);
    const lift = (): void => clearTimeout(timer);
    // The limit alone is no reason for a process to go on.
    timer.unref();
    request.once('end', lift);
    request.once('close', lift);
    response.once('close', lift);
    lifts.set(request, lift);
    next();
  };
}

const tooLate = (limitMs: number) =>
  new AppError('request_timeout', `The body was not here within ${String(limitMs / 1000)} s.`, {
    headers: { Connection: 'close' },
  });

/** For a body that is read as it comes: it may take as long as it keeps coming, and ends after `idleMs` of silence. */
export function liftBodyDeadline(request: Request, idleMs: number): void {
  lifts.get(request)?.();
  request.setTimeout(idleMs, () => request.destroy());
}
