import type { RequestHandler } from 'express';

/** A preflight is remembered by the browser for this long. */
const PREFLIGHT_SECONDS = 600;
const METHODS = 'GET, HEAD, POST';
const REQUEST_HEADERS =
  'Authorization, Content-Encoding, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Request-Id';
const RESPONSE_HEADERS =
  'Deprecation, Idempotent-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, X-Batch-Complete, WWW-Authenticate, X-Partial-Failures, X-Request-Id';

/** Lets the pages of these origins call (the CORS protocol of the Fetch standard), with a token but without cookies. Without origins everything stays closed. */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins);
  return (request, response, next) => {
    if (allowed.size === 0) {
      next();
      return;
    }
    response.vary('Origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) {
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', origin);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) {
      response.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS);
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Methods', METHODS);
    response.setHeader('Access-Control-Allow-Headers', REQUEST_HEADERS);
    response.setHeader('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
    response.status(204).end();
  };
}
