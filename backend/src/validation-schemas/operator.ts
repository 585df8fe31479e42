import Joi from 'joi';

import type { DeliveryFilterInput } from '../types/delivery';

import { AppError, type FieldError } from '../errors';
import { text, validate, validateQuery } from './validate';

/** What operators may ask for. Times are read by the controller. */

const STATUSES = ['pending', 'delivering', 'delivered', 'dead', 'discarded'] as const;
const DEAD_REASONS = [
  ...['rejected', 'retries_exhausted', 'attempts_exhausted'],
  ...['too_old_for_destination', 'payload_corrupt', 'destination_removed', 'discarded'],
];

export interface DeliveryQueryInput extends DeliveryFilterInput {
  readonly limit: number;
  readonly cursor?: string;
}

export interface ReplayInput extends DeliveryFilterInput {
  readonly dry_run: boolean;
  readonly force: boolean;
}

export interface DiscardInput extends DeliveryFilterInput {
  readonly dry_run: boolean;
  readonly reason: string;
}

export interface EventReplayInput {
  readonly force: boolean;
  readonly client_id?: string;
  readonly destination?: string;
}

export interface EventDiscardInput {
  readonly reason: string;
  readonly client_id?: string;
  readonly destination?: string;
}

const reason = text(500).default('no reason was given');

const filter = {
  destination: text(64),
  event_name: text(64),
  client_id: text(64),
  event_id: Joi.string().pattern(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  dead_reason: Joi.string().valid(...DEAD_REASONS),
  user_id: text(128),
  http_status: Joi.number().integer().min(100).max(599),
  error: text(64),
  from: text(64),
  to: text(64),
};

const messages = {
  'any.only': 'must be one of {#valids}',
  'boolean.base': 'must be true or false',
  'number.base': 'must be a whole number',
  'number.integer': 'must be a whole number',
  'number.min': 'must be at least {#limit}',
  'number.max': 'must be at most {#limit}',
  'object.base': 'must be a JSON object',
  'object.unknown': 'is not known here',
  'string.base': 'must be a string, given once',
  'string.empty': 'must not be empty',
  'string.max': 'must be at most {#limit} characters',
  'string.pattern.base': 'must be a UUID in its dashed form',
};

const limit = Joi.number().integer().min(1).max(200).default(50);

export const deliveryQuerySchema = Joi.object<DeliveryQueryInput>({
  ...filter,
  status: Joi.string().valid(...STATUSES),
  limit,
  cursor: text(512),
});
export const actionsQuerySchema = Joi.object<{ readonly limit: number }>({ limit });

const replayStatus = Joi.string().valid('dead', 'delivered').default('dead');
const discardStatus = Joi.string().valid('dead', 'pending').default('dead');
export const replaySchema = Joi.object<ReplayInput>({
  ...filter,
  status: replayStatus,
  dry_run: Joi.boolean().default(false),
  force: Joi.boolean().default(false),
});
export const discardSchema = Joi.object<DiscardInput>({
  ...filter,
  status: discardStatus,
  dry_run: Joi.boolean().default(false),
  reason,
});
export const eventReplaySchema = Joi.object<EventReplayInput>({
  force: Joi.boolean().default(false),
  client_id: text(64),
  destination: text(64),
});
export const eventDiscardSchema = Joi.object<EventDiscardInput>({
  reason,
  client_id: text(64),
  destination: text(64),
});
export const pauseSchema = Joi.object<{ readonly reason: string }>({ reason });
export const emptySchema = Joi.object<object>({});

/**
 * Reads a query, whose values are texts. Throws `validation_failed` naming every fault by its
 * parameter.
 */
export function readQuery<T>(schema: Joi.ObjectSchema<T>, raw: object): T {
  return validateQuery(schema, raw, { messages });
}

/** Reads a body; none at all is an empty one. Throws `validation_failed`. */
export function readBody<T>(schema: Joi.ObjectSchema<T>, raw: unknown): T {
  return validate(schema, raw === undefined ? {} : raw, { messages });
}

/**
 * Reads a body with a filter, which stands in `filter` or beside the rest. Throws
 * `validation_failed`.
 */
export function readFilterBody<T>(schema: Joi.ObjectSchema<T>, raw: unknown): T {
  return readBody(schema, unfolded(raw));
}

function unfolded(raw: unknown): unknown {
  if (typeof raw !== 'object' || raw === null || !('filter' in raw)) return raw;
  const { filter: inner, ...outer } = raw;
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) {
    throw refusal([{ pointer: '/filter', detail: messages['object.base'] }]);
  }
  const twice = Object.keys(inner).find((key) => key in outer);
  if (twice !== undefined) throw refusal([{ pointer: `/${twice}`, detail: 'stands in filter already' }]);
  return { ...outer, ...inner };
}

function refusal(errors: FieldError[]): AppError {
  return new AppError('validation_failed', 'The request has faults; each is named in errors.', { errors });
}
