/** The closed list of codes that a refused request can have. The HTTP status of each stands in middleware/handle-error.ts. */
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

/** One fault of a request body. `pointer` is a JSON Pointer (RFC 6901), `""` for the whole document. */
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

/** A refused request. `detail` is shown to the client: it says what is wrong and what would be right, never a secret. */
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
