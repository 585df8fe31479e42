import Joi from 'joi';

import { AppError } from '../errors';
import type { JsonObject } from '../types/event';
import { exactProperties, toFieldErrors } from './event';
import { text } from './text';

/** What may enter by the routes of the older clients. */

const MESSAGES = {
  'any.required': 'is required',
  'any.only': 'must be given once',
  'number.base': 'must be a whole number from 0',
  'number.integer': 'must be a whole number from 0',
  'number.min': 'must be a whole number from 0',
  'number.unsafe': 'must be at most 9007199254740991',
  'object.base': 'must be a JSON object',
  'object.unknown': 'is not a field of this request',
  'string.base': 'must be a string',
  'string.empty': 'must not be empty',
  'string.max': 'must be at most {#limit} characters',
};

const OPTIONS: Joi.ValidationOptions = {
  abortEarly: false,
  convert: false,
  errors: { label: false, wrap: { label: false } },
};
const FIELDS_MAX = 64;

export interface TrackingInput {
  readonly user_id: string;
  readonly event_type: string;
  readonly timestamp: number;
}

export const trackingSchema = Joi.object({
  user_id: text(128).required(),
  event_type: text(64).required(),
  timestamp: Joi.number().integer().min(0).required(),
}).messages(MESSAGES);

export interface TrackingQuery {
  readonly user_id: string;
  readonly event_type?: string;
}

export const trackingQuerySchema = Joi.object({
  user_id: text(128).required(),
  event_type: text(64),
}).messages({
  ...MESSAGES,
  'string.base': 'must be given once',
  'object.unknown': 'is not a parameter of this request',
});

export interface AddEventInput {
  readonly id: string | undefined;
  readonly name: string;
  readonly userId: string;
  readonly rest: JsonObject;
}

/** Older clients add fields of their own, so here, and only here, any other field is taken and forwarded. */
export const addEventSchema = Joi.object({
  id: text(128),
  name: text(64).required(),
  userId: text(128).required(),
})
  .unknown(true)
  .messages(MESSAGES);

function validate(schema: Joi.ObjectSchema, raw: unknown): void {
  const isCrowded = typeof raw === 'object' && raw !== null && Object.keys(raw).length > FIELDS_MAX;
  const errors = isCrowded
    ? [{ pointer: '', detail: `must have at most ${String(FIELDS_MAX)} fields` }]
    : toFieldErrors(schema.validate(raw, OPTIONS).error);
  if (errors.length > 0)
    throw new AppError('validation_failed', 'The request has faults; each is named in errors.', { errors });
}

export function readTracking(raw: unknown): TrackingInput {
  validate(trackingSchema, raw);
  return raw as TrackingInput;
}

export function readTrackingQuery(raw: object): TrackingQuery {
  validate(trackingQuerySchema, { ...raw });
  return raw as TrackingQuery;
}

export function readAddEvent(raw: unknown): AddEventInput {
  validate(addEventSchema, raw);
  const { id, name, userId, ...rest } = raw as { id?: string; name: string; userId: string } & JsonObject;
  const { error } = exactProperties.validate(rest, OPTIONS);
  if (error)
    throw new AppError('validation_failed', 'The request has faults; each is named in errors.', {
      errors: toFieldErrors(error),
    });
  return { id, name, userId, rest };
}
