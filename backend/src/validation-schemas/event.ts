import Joi from 'joi';

import { AppError, type FieldError, pointerTo } from '../errors';
import { ExactNumber, NUMBER_MAX_LENGTH, RefusedJson, writeJson } from '../types/exact-json';
import type { EventInput, EventQueryInput } from '../types/event';
import { OPTIONS, text, toFieldErrors, validateQuery } from './validate';

/**
 * What may enter as an event, field by field. The exact reading of money and time follows in
 * services/events.
 */

const PROPERTIES_MAX_BYTES = 16 * 1024;
const FIELDS_MAX = 32;

/** The camelCase spelling that older clients use of each field. */
const SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['eventId', 'event_id'],
  ['userId', 'user_id'],
  ['eventName', 'event_name'],
  ['eventTime', 'event_time'],
  ['eventTimeEpoch', 'event_time_epoch'],
  ['campaignId', 'campaign_id'],
  ['clickId', 'click_id'],
  ['deliverAt', 'deliver_at'],
]);

const isExactNumber = (value: unknown): value is ExactNumber => value instanceof ExactNumber;

/**
 * The way to the first number in a JSON value that is longer than any sensible one; null when there
 * is none.
 */
function findLongNumber(value: unknown): string[] | null {
  if (isExactNumber(value)) return value.text.length > NUMBER_MAX_LENGTH ? [] : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const path = findLongNumber(item);
    if (path !== null) return [key, ...path];
  }
  return null;
}

/** What is wrong with properties, and where in them; null when nothing is. */
function faultOfProperties(value: object): { readonly path: readonly string[]; readonly detail: string } | null {
  const path = findLongNumber(value);
  if (path !== null) return { path, detail: `must be a number of at most ${String(NUMBER_MAX_LENGTH)} characters` };
  const isTooLong = Buffer.byteLength(writeJson(value)) > PROPERTIES_MAX_BYTES;
  return isTooLong ? { path: [], detail: `must be at most ${String(PROPERTIES_MAX_BYTES)} bytes as JSON` } : null;
}

/** An object of whatever the client likes. */
export const propertiesSchema = Joi.object()
  .unknown(true)
  .custom((value: object, helpers) => {
    if (isExactNumber(value)) return helpers.error('object.base');
    const fault = faultOfProperties(value);
    if (fault === null) return value;
    const { path = [] } = helpers.state;
    return helpers.error('object.fault', { detail: fault.detail }, helpers.state.localize?.([...path, ...fault.path]));
  })
  .messages({ 'object.base': 'must be a JSON object', 'object.fault': '{#detail}' });

/**
 * `Joi.any()` where the exact reader of the service knows better than Joi what is right; the type
 * alone is checked here.
 */
const numberLike = (allowString: boolean) =>
  Joi.any().custom((value: unknown, helpers) => {
    if (typeof value === 'number' || isExactNumber(value) || (allowString && typeof value === 'string')) return value;
    return helpers.message({ custom: allowString ? 'must be a number or a decimal string' : 'must be an integer' });
  });

export const eventSchema = Joi.object({
  event_id: Joi.string().max(64),
  user_id: text(128).required(),
  event_name: text(64).required(),
  event_time: text(64),
  event_time_epoch: numberLike(false),
  value: numberLike(true),
  currency: text(3),
  campaign_id: text(128),
  click_id: text(128),
  properties: propertiesSchema,
  deliver_at: text(64),
})
  .xor('event_time', 'event_time_epoch')
  .messages({
    'any.required': 'is required',
    'object.base': 'must be a JSON object',
    'object.unknown': 'is not a field of an event',
    'object.missing': 'one of event_time (RFC 3339) and event_time_epoch (integer) is required',
    'object.xor': 'only one of event_time and event_time_epoch may be given',
    'string.base': 'must be a string',
    'string.empty': 'must not be empty',
    'string.max': 'must be at most {#limit} characters',
  });

type Check = (value: unknown) => boolean;

const isText =
  (max: number): Check =>
  (value) =>
    typeof value === 'string' && value.length > 0 && value.length <= max;

const PLAIN: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['event_id', isText(64)],
  ['user_id', isText(128)],
  ['event_name', isText(64)],
  ['event_time', isText(64)],
  ['event_time_epoch', (value) => typeof value === 'number' || isExactNumber(value)],
  ['value', (value) => typeof value === 'number' || typeof value === 'string' || isExactNumber(value)],
  ['currency', isText(3)],
  ['campaign_id', isText(128)],
  ['click_id', isText(128)],
  [
    'properties',
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      !isExactNumber(value) &&
      faultOfProperties(value) === null,
  ],
  ['deliver_at', isText(64)],
]);

/**
 * Whether the schema surely finds nothing, told in a twentieth of its time (measured): most events
 * are like that. False says nothing; then the schema is asked, which alone knows the words for what
 * is wrong.
 */
export function isPlainlyValid(event: Record<string, unknown>): boolean {
  for (const key of Object.keys(event)) {
    if (PLAIN.get(key)?.(event[key]) !== true) return false;
  }
  const hasTime = Object.hasOwn(event, 'event_time');
  return (
    Object.hasOwn(event, 'user_id') &&
    Object.hasOwn(event, 'event_name') &&
    hasTime !== Object.hasOwn(event, 'event_time_epoch')
  );
}

/**
 * Folds the camelCase spelling into the one that is stored; both spellings of one field are a
 * fault.
 */
function foldSpellings(raw: Record<string, unknown>): { folded: Record<string, unknown>; errors: FieldError[] } {
  const errors: FieldError[] = [];
  if (!Object.keys(raw).some((key) => SPELLINGS.has(key))) return { folded: raw, errors };
  const folded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    const name = SPELLINGS.get(key) ?? key;
    if (name !== key && Object.hasOwn(raw, name)) {
      errors.push({ pointer: pointerTo([key]), detail: `is a second spelling of ${name}; send one of them` });
    } else folded[name] = value;
  }
  return { folded, errors };
}

/** Reads one event; throws `validation_failed` naming every fault. */
export function readEvent(raw: unknown): EventInput {
  if (raw instanceof RefusedJson) {
    const { pointer, reason } = raw;
    throw new AppError('invalid_json', `Invalid JSON in this element: ${reason}.`, {
      errors: [{ pointer, detail: reason }],
    });
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw) || isExactNumber(raw)) {
    throw new AppError('validation_failed', 'An event is a JSON object.', {
      errors: [{ pointer: '', detail: 'must be a JSON object' }],
    });
  }
  // Joi names every fault, so a hostile object of thousands of unknown fields is turned away before
  // it is asked.
  if (Object.keys(raw).length > FIELDS_MAX) {
    throw new AppError('validation_failed', `An event has at most ${String(FIELDS_MAX)} fields.`, {
      errors: [{ pointer: '', detail: `must have at most ${String(FIELDS_MAX)} fields` }],
    });
  }
  const { folded, errors } = foldSpellings(raw as Record<string, unknown>);
  if (!isPlainlyValid(folded)) errors.push(...toFieldErrors(eventSchema.validate(folded, OPTIONS).error));
  if (errors.length > 0)
    throw new AppError('validation_failed', 'The event has faults; each is named in errors.', { errors });
  return folded as unknown as EventInput;
}

export const eventQuerySchema = Joi.object<EventQueryInput>({
  user_id: text(128),
  event_name: text(64),
  status: Joi.string().valid('stored', 'pending', 'delivered', 'dead', 'discarded'),
  destination: text(64),
  from: text(64),
  to: text(64),
  limit: Joi.number().integer().min(1).max(200).default(50),
  cursor: text(512),
}).messages({
  'any.only': 'must be one of {#valids}',
  'number.base': 'must be a whole number from 1 to 200',
  'number.integer': 'must be a whole number from 1 to 200',
  'number.min': 'must be a whole number from 1 to 200',
  'number.max': 'must be a whole number from 1 to 200',
  'object.unknown': 'is not a parameter of this list',
  'string.base': 'must be given once',
  'string.empty': 'must not be empty',
  'string.max': 'must be at most {#limit} characters',
});

/**
 * Reads the query of a list of events; throws `validation_failed` naming every fault by its
 * parameter.
 */
export function readEventQuery(raw: object): EventQueryInput {
  return validateQuery(eventQuerySchema, raw, { detail: 'The query has faults; each is named in errors.' });
}
