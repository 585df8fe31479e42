/**
 * The content of an event as one text and one digest: events that say the same have the same,
 * however they were spelled. What identifies an event or its acceptance (id, client, time of
 * acceptance) is not content.
 */
import { hash } from 'node:crypto';

import { ExactNumber, type ExactJson, readWrittenJson } from '../../types/exact-json';
import type { AcceptedEvent } from '../../types/event';
import { type DecimalParts, readDecimal } from './decimal-text';

/**
 * Text that JSON.stringify only puts in quotes: no control character, quote, backslash or
 * surrogate.
 */
const NEEDS_NO_ESCAPE = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

/** The content's fields by their names in the API, in canonical (sorted) order. */
const CONTENT: readonly (readonly [name: string, read: (event: AcceptedEvent) => ExactJson])[] = [
  ['campaign_id', (event) => event.campaignId],
  ['click_id', (event) => event.clickId],
  ['currency', (event) => event.currency],
  ['deliver_at', (event) => event.deliverAt],
  ['event_name', (event) => event.eventName],
  ['event_time', (event) => event.eventTimeSeconds],
  ['properties', ({ properties }) => (properties === null ? null : readWrittenJson(properties))],
  ['user_id', (event) => event.userId],
  ['value', (event) => event.valueCents],
];

/**
 * JSON in the form of RFC 8785: no space, keys sorted by UTF-16 code units, numbers and strings as
 * ECMAScript writes them, a number that it would round as its digits and power of ten: 1, 1.0 and
 * 1e0 are one content, and so are 1e400 and 10e399. Throws TypeError for what is no ExactJson (a
 * number that is not finite, an object of a class), since it would not be told apart.
 */
export function canonicalJson(value: ExactJson): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number without a finite value has no canonical form');
    return String(value);
  }
  if (value instanceof ExactNumber) return canonicalNumber(value.text);
  let members = '';
  if (Array.isArray(value)) {
    for (const item of value) members += `${members === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${members}]`;
  }
  if (!isPlainObject(value)) throw new TypeError('only plain JSON values have a canonical form');
  for (const key of Object.keys(value).sort()) {
    members += `${members === '' ? '' : ','}${quoted(key)}:${canonicalJson(value[key] as ExactJson)}`;
  }
  return `{${members}}`;
}

function canonicalNumber(text: string): string {
  const decimal = readDecimal(text);
  // Longer than any number that is accepted, or a power of ten with more digits than are told
  // apart.
  if (decimal === null || !Number.isSafeInteger(decimal.point)) return text;
  const double = String(Number(text));
  const form = (parts: DecimalParts) =>
    `${parts.isNegative && parts.digits !== '' ? '-' : ''}${parts.digits}e${parts.point}`;
  const rounded = readDecimal(double);
  return rounded !== null && form(rounded) === form(decimal) ? double : form(decimal);
}

/**
 * JSON.stringify for strings; most have nothing to escape, and then quoting them by hand takes half
 * the time.
 */
function quoted(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * Whether the object's prototype is null or an Object.prototype, of any realm: events also come
 * from worker threads.
 */
function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * The event's content in canonical form. An absent field is left out, so that fields added later
 * change no stored fingerprint.
 */
export function canonicalForm(event: AcceptedEvent): string {
  let members = '';
  for (const [name, read] of CONTENT) {
    const value = read(event);
    if (value !== null) members += `${members === '' ? '' : ','}"${name}":${canonicalJson(value)}`;
  }
  return `{${members}}`;
}

/** SHA-256 of the canonical form, 32 bytes. */
export function fingerprint(event: AcceptedEvent): Buffer {
  // Through hex, since asking `hash` for a Buffer takes twice as long.
  return Buffer.from(hash('sha256', canonicalForm(event), 'hex'), 'hex');
}

/**
 * The API's names of the content fields in which two events differ, sorted; empty exactly when
 * their fingerprints are equal.
 */
export function differingFields(a: AcceptedEvent, b: AcceptedEvent): string[] {
  return CONTENT.filter(([, read]) => canonicalJson(read(a)) !== canonicalJson(read(b))).map(([name]) => name);
}
