import { parse, type ParsedUrlQuery } from 'node:querystring';

import { AppError } from '../errors';

/**
 * The parameters of a query, flat, each a text or a list of texts. Refuses what is no percent-encoded UTF-8, which would be read as some
 * other text, and the one name that a copy of an object loses in silence.
 * @throws URIError @throws AppError
 */
export function parseQuery(query: string | null): ParsedUrlQuery {
  if (query === null || query === '') return {};
  decodeURIComponent(query);
  const parameters = parse(query);
  if (Object.hasOwn(parameters, '__proto__')) {
    throw new AppError('invalid_request', '__proto__ is not a parameter of anything here.');
  }
  return parameters;
}
