import type { Request, RequestHandler } from 'express';

/** 2026-01-01: since when the older families are kept for their clients only (RFC 9745 wants epoch seconds). */
const DEPRECATED_SINCE = '@1767225600';
const ID_MAX = 128;

/**
 * Says on each answer, refusals too, that the route is deprecated (RFC 9745) and what stands in its place (RFC 8288, RFC 5829), for the user
 * who was asked about.
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
