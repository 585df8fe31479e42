import Joi from 'joi';
import { AppError } from '../errors';
import { toFieldErrors } from './event';

/** What `POST /auth` takes. */
export interface AuthInput {
  readonly clientId: string;
  readonly clientSecret?: string;
}

const FIELDS_MAX = 16;

export const authSchema = Joi.object<AuthInput>({
  clientId: Joi.string().max(64).required(),
  clientSecret: Joi.string().max(1024),
})
  .required()
  .messages({
    'any.required': 'is required',
    'object.base': 'must be a JSON object',
    'object.unknown': 'is not a field of this request; there are clientId and clientSecret',
    'string.base': 'must be a string',
    'string.empty': 'must not be empty; leave clientSecret out for a client that has none',
    'string.max': 'must be at most {#limit} characters',
  });

/** Reads the body of `POST /auth`. @throws AppError `validation_failed` naming every fault */
export function readAuthInput(raw: unknown): AuthInput {
  // Joi names every fault, so a hostile object of thousands of unknown fields is turned away before it is asked.
  const isHuge = typeof raw === 'object' && raw !== null && Object.keys(raw).length > FIELDS_MAX;
  const checked = authSchema.validate(isHuge ? [] : raw, {
    abortEarly: false,
    convert: false,
    errors: { label: false, wrap: { label: false } },
  });
  if (checked.error !== undefined) {
    throw new AppError('validation_failed', 'Send { "clientId": "…", "clientSecret": "…" }.', {
      errors: toFieldErrors(checked.error),
    });
  }
  return checked.value;
}
