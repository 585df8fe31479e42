import type { NextFunction, Request, Response } from 'express';

import { type ErrorCode, toAppError, toProblem } from '../errors';
import { endEarly } from '../http/rest-of-body';
import type { Log } from '../interfaces/log';

/** Refusals of a process or client that has too much open: nothing more is held open for them. */
const TOO_MUCH: ReadonlySet<ErrorCode> = new Set(['overloaded', 'rate_limited', 'request_timeout']);

/**
 * The last middleware: answers every error as `application/problem+json` and logs what is ours to
 * mend.
 */
export function handleError(log: Log) {
  // Express knows an error handler by its four parameters.
  return (thrown: unknown, request: Request, response: Response, next: NextFunction): void => {
    const error = toAppError(thrown);
    const problem = toProblem(error, response.locals['requestId'] as string);
    // Each refusal of an overloaded process would cost it a line more; that it is overloaded is
    // said once, by who decides it.
    if (problem.status >= 500 && error.code !== 'overloaded') {
      const level = problem.status === 500 ? 'error' : 'warn';
      log[level]({ requestId: problem.instance, code: error.code, err: thrown, path: request.path }, 'request.failed');
    }
    if (response.headersSent) return next(thrown);
    response.status(problem.status);
    for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    const retryAfter = error.retryAfterSeconds ?? (problem.status === 429 || problem.status === 503 ? 1 : undefined);
    if (retryAfter !== undefined) response.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfter))));
    response.setHeader('Content-Type', 'application/problem+json; charset=utf-8');
    endEarly(request, response, JSON.stringify(problem), TOO_MUCH.has(error.code));
  };
}
