import type { NextFunction, Request, Response } from 'express';

import { AppError, type ErrorCode } from '../errors';
import { StoreUnavailableError } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import { endEarly } from './rest-of-body';

/** The one table that knows the HTTP status and the title of a code. */
const PROBLEMS: Readonly<Record<ErrorCode, readonly [status: number, title: string]>> = {
  invalid_request: [400, 'Invalid request'],
  invalid_json: [400, 'Invalid JSON'],
  invalid_encoding: [400, 'Invalid encoding'],
  validation_failed: [400, 'Validation failed'],
  missing_token: [401, 'Missing token'],
  invalid_token: [401, 'Invalid token'],
  invalid_client: [401, 'Invalid client'],
  insufficient_scope: [403, 'Insufficient scope'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  not_acceptable: [406, 'Not acceptable'],
  request_timeout: [408, 'Request timeout'],
  event_id_conflict: [409, 'Event id conflict'],
  duplicate_event: [409, 'Duplicate event'],
  invalid_state: [409, 'Invalid state'],
  body_too_large: [413, 'Body too large'],
  batch_too_large: [413, 'Batch too large'],
  unsupported_media_type: [415, 'Unsupported media type'],
  unsupported_encoding: [415, 'Unsupported content encoding'],
  idempotency_key_reused: [422, 'Idempotency key reused'],
  rate_limited: [429, 'Rate limited'],
  expectation_failed: [417, 'Expectation failed'],
  headers_too_large: [431, 'Headers too large'],
  internal_error: [500, 'Internal error'],
  upstream_failed: [502, 'Upstream failed'],
  backlog_full: [503, 'Backlog full'],
  store_unavailable: [503, 'Store unavailable'],
  shutting_down: [503, 'Shutting down'],
  overloaded: [503, 'Overloaded'],
  upstream_unavailable: [503, 'Upstream unavailable'],
  upstream_timeout: [504, 'Upstream timeout'],
};

/** Refusals of a process or client that has too much open: nothing more is held open for them. */
const TOO_MUCH: ReadonlySet<ErrorCode> = new Set(['overloaded', 'rate_limited', 'request_timeout']);

/** An error as RFC 9457 writes it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** The problem document of a refused request. `instance` is the request id. */
export function toProblem(error: AppError, requestId: string): Problem {
  const [status, title] = PROBLEMS[error.code];
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: error.detail,
    instance: requestId,
    code: error.code,
    ...(error.errors && { errors: error.errors }),
  };
}

/** What any thrown thing means to a client. Only AppError speaks for itself; all else is told without its words. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof StoreUnavailableError) {
    return new AppError(
      'store_unavailable',
      'The event store cannot commit now; nothing was taken. Send the same request again later.',
      {
        retryAfterSeconds: 5,
        cause: error,
      },
    );
  }
  // A path, refused by the router, or a query whose percent-encoding is broken.
  if (error instanceof URIError) {
    return new AppError('invalid_request', 'The path or the query is not valid percent-encoded UTF-8.');
  }
  return new AppError('internal_error', 'Something went wrong here; the request id names it in the log.', {
    cause: error,
  });
}

/** The last middleware: answers every error as `application/problem+json` and logs what is ours to mend. */
export function handleError(log: Log) {
  // Express knows an error handler by its four parameters.
  return (thrown: unknown, request: Request, response: Response, next: NextFunction): void => {
    const error = toAppError(thrown);
    const problem = toProblem(error, response.locals['requestId'] as string);
    // Each refusal of an overloaded process would cost it a line more; that it is overloaded is said once, by who decides it.
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
