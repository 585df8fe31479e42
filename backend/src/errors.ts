import { StoreUnavailableError } from './interfaces/event-store';

/**
 * The closed list of codes that a refused request can have. PROBLEMS has the HTTP status of each.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'invalid_json'
  | 'invalid_encoding'
  | 'validation_failed'
  | 'missing_token'
  | 'invalid_token'
  | 'invalid_client'
  | 'insufficient_scope'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'event_id_conflict'
  | 'idempotency_key_reused'
  | 'invalid_state'
  | 'duplicate_event'
  | 'body_too_large'
  | 'batch_too_large'
  | 'expectation_failed'
  | 'headers_too_large'
  | 'request_timeout'
  | 'unsupported_media_type'
  | 'unsupported_encoding'
  | 'rate_limited'
  | 'backlog_full'
  | 'store_unavailable'
  | 'shutting_down'
  | 'overloaded'
  | 'upstream_failed'
  | 'upstream_timeout'
  | 'upstream_unavailable'
  | 'internal_error';

/**
 * One fault of a request body. `pointer` is a JSON Pointer (RFC 6901), `""` for the whole document.
 */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** The JSON Pointer of a path of keys and indexes. */
export function pointerTo(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

interface AppErrorExtras {
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/**
 * A refused request. `detail` is shown to the client: it says what is wrong and what would be
 * right, never a secret.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    extras: AppErrorExtras = {},
  ) {
    super(`${code}: ${detail}`, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.errors = extras.errors;
    this.retryAfterSeconds = extras.retryAfterSeconds;
    this.headers = extras.headers ?? {};
  }
}

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

/** An error as RFC 9457 writes it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly errors?: readonly FieldError[];
}

/** The problem document of whatever was thrown. `instance` is the request id. */
export function toProblem(thrown: unknown, requestId: string): Problem {
  const error = toAppError(thrown);
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

/**
 * What any thrown thing means to a client. Only AppError speaks for itself; all else is told
 * without its words.
 */
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
