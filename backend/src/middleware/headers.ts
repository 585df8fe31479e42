import cors from 'cors';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';

import { AppError } from '../errors';

/** The headers that every request must hold to, and those that every answer carries. */

/**
 * Scripts, styles and connections of our own pages, and nothing else; no page may be framed, and
 * none may send a form anywhere.
 */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** Helmet's headers. They are the same for every request, so helmet is asked once. */
export function securityHeaders(): RequestHandler {
  const headers: [string, string][] = [];
  const recorder = {
    setHeader: (name: string, value: string) => headers.push([name, value]),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
    frameguard: { action: 'deny' },
    // Obsolete headers.
    xXssProtection: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xDnsPrefetchControl: false,
    originAgentCluster: false,
  })({} as Request, recorder as unknown as Response, (error?: unknown) => {
    if (error !== undefined) throw error as Error;
  });
  return (_request, response, next) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    next();
  };
}

/** A preflight is remembered by the browser for this long. */
const PREFLIGHT_SECONDS = 600;
const METHODS = ['GET', 'HEAD', 'POST'];
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Encoding',
  'Content-Type',
  'Idempotency-Key',
  'Last-Event-ID',
  'Prefer',
  'X-Request-Id',
];
const RESPONSE_HEADERS = [
  'Deprecation',
  'Idempotent-Replayed',
  'Link',
  'Location',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Batch-Complete',
  'WWW-Authenticate',
  'X-Partial-Failures',
  'X-Request-Id',
];

/**
 * Lets the pages of these origins call (the CORS protocol of the Fetch standard), with a token but
 * without cookies. Without origins everything stays closed. A request of another origin, and an
 * OPTIONS that is no preflight, go on as any other.
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins);
  const answer = cors({
    origin: [...origins],
    methods: METHODS,
    allowedHeaders: REQUEST_HEADERS,
    exposedHeaders: RESPONSE_HEADERS,
    maxAge: PREFLIGHT_SECONDS,
  });
  return (request, response, next) => {
    const { origin } = request.headers;
    const isPreflight = request.headers['access-control-request-method'] !== undefined;
    if (origin !== undefined && allowed.has(origin) && (request.method !== 'OPTIONS' || isPreflight)) {
      answer(request, response, next);
      return;
    }
    if (allowed.size > 0) response.vary('Origin');
    next();
  };
}

/**
 * Where two of these stand, we and a proxy before us could each believe another one. No two are
 * equally long, which spares most headers the comparison.
 */
const ONCE_ONLY = ['host', 'authorization', 'content-type', 'content-length', 'idempotency-key', 'transfer-encoding'];
const BY_LENGTH = new Map(ONCE_ONLY.map((name, index) => [name.length, { name, bit: 1 << index }]));

/**
 * A host and a port as RFC 3986 writes them, as far as the characters go; empty where the target
 * has none (RFC 9110, section 7.2).
 */
const HOST = /^[\w.~!$&'()*+,;=:%[\]-]*$/;

/**
 * Refuses a request that names one of these headers twice (node keeps the first in silence, or
 * joins them), one without a host or with what is none (RFC 9112, section 3.2), one that expects
 * what we do not know (RFC 9110, section 10.1.1), and other versions of HTTP, which node would
 * answer as if they were 1.1.
 */
export function refuseHeaders({ rawHeaders, headers, httpVersion }: Request, _response: Response, next: NextFunction) {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new AppError('invalid_request', `The request is in HTTP/${httpVersion}; send HTTP/1.1.`);
  }
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index] ?? '';
    const once = BY_LENGTH.get(given.length);
    if (given.toLowerCase() !== once?.name) continue;
    if ((seen & once.bit) !== 0) {
      throw new AppError('invalid_request', `The header ${once.name} is there more than once; send it once.`);
    }
    seen |= once.bit;
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new AppError('invalid_request', 'The request has no Host header.');
  }
  if (headers.host !== undefined && !HOST.test(headers.host)) {
    throw new AppError('invalid_request', 'The Host header holds no host; send a name or an address, and the port.');
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new AppError('expectation_failed', 'The header Expect may hold 100-continue and nothing else.');
  }
  next();
}

/**
 * 2026-01-01: since when the older families are kept for their clients only (RFC 9745 wants epoch
 * seconds).
 */
const DEPRECATED_SINCE = '@1767225600';
const ID_MAX = 128;

/**
 * Says on each answer, refusals too, that the route is deprecated (RFC 9745) and what stands in its
 * place (RFC 8288, RFC 5829), for the user who was asked about.
 */
export function deprecated(successor: string): RequestHandler {
  return (request, response, next) => {
    response.setHeader('Deprecation', DEPRECATED_SINCE);
    response.setHeader('Link', `<${successor.replace('{id}', userOf(request))}>; rel="successor-version"`);
    next();
  };
}

function userOf({ params, query }: Request): string {
  const id = params['id'] ?? query['user_id'];
  // A link holds no braces (RFC 3986): without a user their encoding stands for any.
  return encodeURIComponent(typeof id === 'string' && id.length <= ID_MAX ? id : '{id}');
}
