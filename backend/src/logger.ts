import pino, { type Logger } from 'pino';

/** What never stands in a log line, wherever an object carries it. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'x-api-key',
  'clientSecret',
  'client_secret',
  'access_token',
  'apiKey',
  'secret',
];

/** JSON lines on standard output, one per fact. Only the name, message, code and stack of an error are written: an HTTP client's error holds whole requests. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: SECRET_PATHS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `headers["${name}"]`]),
      censor: '[redacted]',
    },
    serializers: { err: serializeError },
  });
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : 'not an Error';
  const { name, message, stack } = error;
  const code = (error as { code?: unknown }).code;
  const cause = error.cause instanceof Error ? { name: error.cause.name, message: error.cause.message } : undefined;
  return {
    name,
    message,
    ...(code !== undefined && { code: typeof code === 'string' ? code : 'unknown' }),
    stack,
    ...(cause && { cause }),
  };
}
