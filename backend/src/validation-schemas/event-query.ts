import Joi from 'joi';

import type { EventQueryInput } from '../types/event';
import { text } from './text';
import { validateQuery } from './validate';

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

/** Reads the query of a list of events; throws `validation_failed` naming every fault by its parameter. */
export function readEventQuery(raw: object): EventQueryInput {
  return validateQuery(eventQuerySchema, raw, { detail: 'The query has faults; each is named in errors.' });
}
