import type { FieldError } from '../../errors';
import { parseRfc3339 } from './time';

/**
 * Reads a bound of a list, RFC 3339 or whole seconds since 1970, as epoch milliseconds; a fault is
 * added to `errors`.
 */
export function readTimeBound(field: string, text: string | undefined, errors: FieldError[]): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  // Most decoders turn a plus in a query into a space; it is read as the plus of an offset.
  const read = parseRfc3339(text.replace(/ (?=\d\d:\d\d$)/, '+'));
  if (!('error' in read)) return read.epochMs;
  errors.push({ pointer: `/${field}`, detail: `${read.error}; or whole seconds since 1970` });
  return undefined;
}
