import type { RequestHandler } from 'express';

/** 2026-01-01: since when the older families are kept for their clients only (RFC 9745 wants epoch seconds). */
const DEPRECATED_SINCE = '@1767225600';

/** Says on each answer, refusals too, that the route is deprecated (RFC 9745) and what stands in its place (RFC 8288, RFC 5829). */
export function deprecated(successor: string): RequestHandler {
  return (_request, response, next) => {
    response.setHeader('Deprecation', DEPRECATED_SINCE);
    response.setHeader('Link', `<${successor}>; rel="successor-version"`);
    next();
  };
}
