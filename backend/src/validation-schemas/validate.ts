import Joi from 'joi';

import { AppError, type FieldError, pointerTo } from '../errors';
import { ExactNumber } from '../types/exact-json';

/** How every schema is asked: the one set of options, and the one form of what it finds. */

/**
 * Joi names every fault, so a hostile object of thousands of unknown fields is turned away before
 * it is asked.
 */
const FIELDS_MAX = 64;

export const OPTIONS: Joi.ValidationOptions = {
  abortEarly: false,
  convert: false,
  errors: { label: false, wrap: { label: false } },
};

/**
 * A text of 1 to `max` characters. Of what Joi finds wrong with it, `toFieldErrors` keeps the true
 * faults.
 */
export const text = (max: number): Joi.StringSchema => Joi.string().min(1).max(max);

/**
 * Whether the text has at most so many characters: code points, as JSON Schema counts them, so that
 * an emoji is one.
 */
function hasAtMost(max: number, value: string): boolean {
  if (value.length <= max) return true;
  return value.length <= 2 * max && Array.from(value).length <= max;
}

/**
 * What Joi found, without the texts that are too long only in UTF-16 units, which is what it
 * counts.
 */
function trueFaults(error: Joi.ValidationError | undefined): Joi.ValidationErrorItem[] {
  return (error?.details ?? []).filter(({ type, context }) => {
    if (type !== 'string.max') return true;
    const { limit, value } = context as unknown as { readonly limit: number; readonly value: string };
    return !hasAtMost(limit, value);
  });
}

/** Joi's findings as the API tells them. */
export function toFieldErrors(error: Joi.ValidationError | undefined): FieldError[] {
  return trueFaults(error).map(({ path, message }) => ({ pointer: pointerTo(path), detail: message }));
}

interface Wording extends Joi.ValidationOptions {
  readonly detail?: string;
}

const DETAIL = 'The request has faults; each is named in errors.';

/** What the schema makes of a body. @throws AppError `validation_failed` naming every fault */
export function validate<T>(
  schema: Joi.ObjectSchema<T>,
  raw: unknown,
  { detail = DETAIL, ...options }: Wording = {},
): T {
  const isCrowded = typeof raw === 'object' && raw !== null && Object.keys(raw).length > FIELDS_MAX;
  if (isCrowded) {
    throw new AppError('validation_failed', detail, {
      errors: [{ pointer: '', detail: `must have at most ${String(FIELDS_MAX)} fields` }],
    });
  }
  const { error, value } = schema.validate(withPlainNumbers(raw), { ...OPTIONS, ...options }) as {
    readonly error?: Joi.ValidationError;
    readonly value: T;
  };
  const errors = toFieldErrors(error);
  if (errors.length > 0) throw new AppError('validation_failed', detail, { errors });
  return value;
}

/**
 * What the schema makes of a query, whose values are texts. @throws AppError `validation_failed`
 * naming every fault
 */
export function validateQuery<T>(schema: Joi.ObjectSchema<T>, raw: object, wording: Wording = {}): T {
  // The query parser's objects have no prototype, which Joi does not expect.
  return validate(schema, { ...raw }, { convert: true, ...wording });
}

/** A field that is 1e3 or 30.0 is a number like any other, where a double has its value. */
function withPlainNumbers(raw: unknown): unknown {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return raw;
  const entries = Object.entries(raw as Record<string, unknown>);
  if (!entries.some(([, value]) => value instanceof ExactNumber)) return raw;
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value instanceof ExactNumber ? (value.double ?? value) : value]),
  );
}
