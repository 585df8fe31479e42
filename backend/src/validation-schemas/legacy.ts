import Joi from 'joi';

import { AppError } from '../errors';
import type { ExactObject } from '../types/exact-json';
import { propertiesSchema } from './event';
import { OPTIONS, text, toFieldErrors, validate, validateQuery } from './validate';

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

export interface TrackingInput {
  readonly user_id: string;
  readonly event_type: string;
  readonly timestamp: number;
}

export const trackingSchema = Joi.object<TrackingInput>({
  user_id: text(128).required(),
  event_type: text(64).required(),
  timestamp: Joi.number().integer().min(0).required(),
}).messages(MESSAGES);

export interface TrackingQuery {
  readonly user_id: string;
  readonly event_type?: string;
}

export const trackingQuerySchema = Joi.object<TrackingQuery>({
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
  readonly rest: ExactObject;
}

/**
 * Older clients add fields of their own, so here, and only here, any other field is taken and
 * forwarded.
 */
export const addEventSchema = Joi.object({
  id: text(128),
  name: text(64).required(),
  userId: text(128).required(),
})
  .unknown(true)
  .messages(MESSAGES);

export function readTracking(raw: unknown): TrackingInput {
  return validate(trackingSchema, raw);
}

export function readTrackingQuery(raw: object): TrackingQuery {
  return validateQuery(trackingQuerySchema, raw);
}

export function readAddEvent(raw: unknown): AddEventInput {
  validate(addEventSchema, raw);
  const { id, name, userId, ...rest } = raw as { id?: string; name: string; userId: string } & ExactObject;
  const errors = toFieldErrors(propertiesSchema.validate(rest, OPTIONS).error);
  if (errors.length > 0)
    throw new AppError('validation_failed', 'The request has faults; each is named in errors.', { errors });
  return { id, name, userId, rest };
}
