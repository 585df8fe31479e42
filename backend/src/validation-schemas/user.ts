import Joi from 'joi';

import { AppError } from '../errors';
import type { BatchRequest } from '../types/user';
import { OPTIONS, validate, validateQuery } from './validate';

/** What may enter as a question about users. */

const BATCH_MAX_USERS = 100;
const STREAM_MAX_USERS = 10_000;
const MAX_AGE_SECONDS = 2 ** 31 - 1;

interface UserOptions {
  readonly includeAnalytics?: boolean;
  readonly maxAge?: number;
}

interface BatchInfo extends UserOptions {
  readonly userIds: string[];
}

const USER_ID = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,64}$/;

const userIdSchema = Joi.string().pattern(USER_ID).messages({
  'string.base': 'must be a string',
  'string.empty': 'must be 1 to 64 characters',
  'string.pattern.base': 'must be 1 to 64 of A–Z a–z 0–9 _ . - and neither "." nor ".."',
});

const maxAge = Joi.number().integer().min(0).max(MAX_AGE_SECONDS);

export const batchInfoSchema = Joi.object<BatchInfo, true>({
  userIds: Joi.array().items(userIdSchema).required(),
  includeAnalytics: Joi.boolean(),
  maxAge,
})
  .required()
  .messages({
    'any.required': 'is required',
    'array.base': 'must be an array of user ids',
    'boolean.base': 'must be true or false',
    'number.base': 'must be a whole number of seconds',
    'number.integer': 'must be a whole number of seconds',
    'number.min': 'must be at least 0',
    'number.max': 'must be at most {#limit}',
    'number.unsafe': 'must be at most 2147483647',
    'object.base': 'must be a JSON object',
    'object.unknown': 'is not a field of this request; there are userIds, includeAnalytics and maxAge',
  });

export const summaryQuerySchema = Joi.object<UserOptions, true>({
  includeAnalytics: Joi.boolean(),
  maxAge,
}).messages({
  'boolean.base': 'must be true or false',
  'number.base': 'must be a whole number of seconds',
  'number.integer': 'must be a whole number of seconds',
  'number.min': 'must be at least 0',
  'number.max': 'must be at most {#limit}',
  'number.unsafe': 'must be at most 2147483647',
  'object.unknown': 'is not a parameter of this path; there are includeAnalytics and maxAge',
});

/**
 * Reads the body of `POST /users/batch-info`. Throws AppError `validation_failed` naming every
 * fault (of over a hundred ids the first), and `batch_too_large`.
 */
export function readBatchInfo(raw: unknown, isStreamed: boolean): BatchRequest {
  const limit = isStreamed ? STREAM_MAX_USERS : BATCH_MAX_USERS;
  const { userIds } = (raw ?? {}) as { readonly userIds?: unknown };
  const count = Array.isArray(userIds) ? userIds.length : 0;
  if (count > limit) {
    const hint = isStreamed ? '' : `; up to ${STREAM_MAX_USERS} are answered with Accept: application/x-ndjson`;
    throw new AppError('batch_too_large', `A batch holds at most ${limit} user ids, this one has ${count}${hint}.`);
  }
  const checked = validate(batchInfoSchema, raw, {
    abortEarly: count > BATCH_MAX_USERS,
    detail: 'Send { "userIds": [ … ], "includeAnalytics"?: true, "maxAge"?: 30 }.',
  });
  return { userIds: checked.userIds, ...toOptions(checked) };
}

const PLAIN_SECONDS = /^(?:0|[1-9][0-9]{0,8})$/;

/**
 * What the schema would make of a query that is spelled as most are, told in a tenth of its time
 * (measured); null: the schema has to be asked.
 */
export function readPlainSummaryQuery(query: Readonly<Record<string, unknown>>): UserOptions | null {
  let includeAnalytics = false;
  let maxAge: number | undefined;
  for (const name of Object.keys(query)) {
    const given = query[name];
    if (name === 'includeAnalytics' && (given === 'true' || given === 'false')) includeAnalytics = given === 'true';
    else if (name === 'maxAge' && typeof given === 'string' && PLAIN_SECONDS.test(given)) maxAge = Number(given);
    else return null;
  }
  return maxAge === undefined ? { includeAnalytics } : { includeAnalytics, maxAge };
}

/**
 * Reads the query of `GET /users/{id}/summary`, whose values are text. Throws AppError
 * `validation_failed`.
 */
export function readSummaryQuery(raw: unknown): Omit<BatchRequest, 'userIds'> {
  const plain = readPlainSummaryQuery(raw as Record<string, unknown>);
  if (plain !== null) return toOptions(plain);
  const detail = 'The query may hold includeAnalytics=true|false and maxAge=seconds.';
  return toOptions(validateQuery(summaryQuerySchema, raw as object, { abortEarly: true, detail }));
}

/** Checks the id in a path. Throws AppError `validation_failed`. */
export function readUserId(raw: unknown): string {
  // The schema finds the words for what is wrong; to find that nothing is would take it ten times
  // as long.
  if (typeof raw === 'string' && USER_ID.test(raw)) return raw;
  const checked = userIdSchema.required().validate(raw, OPTIONS);
  if (checked.error === undefined) return checked.value;
  throw new AppError('validation_failed', 'The id in the path is no user id.', {
    errors: [{ pointer: '/id', detail: checked.error.message }],
  });
}

function toOptions({ includeAnalytics = false, maxAge }: UserOptions): Omit<BatchRequest, 'userIds'> {
  return { includeAnalytics, maxAgeMs: maxAge === undefined ? null : maxAge * 1000 };
}
