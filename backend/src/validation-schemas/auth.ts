import Joi from 'joi';
import { validate } from './validate';

/** What `POST /auth` takes. */
export interface AuthInput {
  readonly clientId: string;
  readonly clientSecret?: string;
}

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
  return validate(authSchema, raw, { detail: 'Send { "clientId": "…", "clientSecret": "…" }.' });
}
