import Joi from 'joi';

import { AppError, type FieldError } from '../errors';
import { ExactNumber } from '../types/exact-number';
import type { EventInput } from '../types/event';
import { plainCheck } from './plain-check';
import { text, trueFaults } from './text';

/** What may enter as an event, field by field. The exact reading of money and time follows in services/events. */

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

/** The first place in a JSON value that holds a number no double keeps, as a JSON Pointer; null when there is none. */
function findExactNumber(value: unknown, pointer: string): string | null {
  if (isExactNumber(value)) return pointer;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const found = findExactNumber(item, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    if (found !== null) return found;
  }
  return null;
}

function faultOfProperties(value: object): string | null {
  const inexact = findExactNumber(value, '');
  if (inexact !== null) return `the number at ${inexact} cannot be kept exactly; send it as a string`;
  const isTooLong = Buffer.byteLength(JSON.stringify(value)) > PROPERTIES_MAX_BYTES;
  return isTooLong ? `must be at most ${String(PROPERTIES_MAX_BYTES)} bytes as JSON` : null;
}

export const exactProperties = Joi.object()
  .unknown(true)
  .custom((value: object, helpers) => {
    const fault = faultOfProperties(value);
    return fault === null ? value : helpers.message({ custom: fault });
  })
  .messages({ 'object.base': 'must be a JSON object' });

/** `Joi.any()` where the exact reader of the service knows better than Joi what is right; the type alone is checked here. */
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
  properties: exactProperties,
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

/** Whether the schema surely finds nothing: most events are like that. False says nothing; then the schema is asked. */
export const isPlainlyValid = plainCheck(eventSchema);

function toPointer(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Joi's findings as the API tells them. */
export function toFieldErrors(error: Joi.ValidationError | undefined): FieldError[] {
  return trueFaults(error).map(({ path, message }) => ({ pointer: toPointer(path), detail: message }));
}

const OPTIONS: Joi.ValidationOptions = {
  abortEarly: false,
  convert: false,
  errors: { label: false, wrap: { label: false } },
};

/** Folds the camelCase spelling into the one that is stored; both spellings of one field are a fault. */
function foldSpellings(raw: Record<string, unknown>): { folded: Record<string, unknown>; errors: FieldError[] } {
  const errors: FieldError[] = [];
  if (!Object.keys(raw).some((key) => SPELLINGS.has(key))) return { folded: raw, errors };
  const folded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    const name = SPELLINGS.get(key) ?? key;
    if (name !== key && Object.hasOwn(raw, name)) {
      errors.push({ pointer: `/${key}`, detail: `is a second spelling of ${name}; send one of them` });
    } else folded[name] = value;
  }
  return { folded, errors };
}

/** Reads one event; throws `validation_failed` naming every fault. */
export function readEvent(raw: unknown): EventInput {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw) || isExactNumber(raw)) {
    throw new AppError('validation_failed', 'An event is a JSON object.', {
      errors: [{ pointer: '', detail: 'must be a JSON object' }],
    });
  }
  // Joi names every fault, so a hostile object of thousands of unknown fields is turned away before it is asked.
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
