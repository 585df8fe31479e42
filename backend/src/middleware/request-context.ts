import type { NextFunction, Request, Response } from 'express';

import type { Runtime } from '../interfaces/runtime';

const PRINTABLE_ASCII = /^[\x20-\x7e]{1,128}$/;

/** Gives each request an id: the caller's `X-Request-Id` where it is 1–128 printable ASCII characters, else a new one. Returned, logged and sent on. */
export function requestContext(runtime: Runtime) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && PRINTABLE_ASCII.test(given) ? given : runtime.newId();
    response.locals['requestId'] = requestId;
    response.setHeader('X-Request-Id', requestId);
    next();
  };
}
