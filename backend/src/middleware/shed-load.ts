import type { RequestHandler } from 'express';

import { AppError } from '../errors';

const RETRY_AFTER_SECONDS = 2;

/** Refuses new work while there is too much already. The probes are answered all the same. */
export function shedLoad(isOverloaded: () => boolean, probes: ReadonlySet<string>): RequestHandler {
  return (request, response, next) => {
    if (isOverloaded() && !probes.has(request.path)) {
      // It is not the client's doing and is not counted as its request.
      response.locals['isCounted'] = true;
      throw new AppError('overloaded', 'The gateway is busy; nothing was taken. Send the same request again later.', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    next();
  };
}
