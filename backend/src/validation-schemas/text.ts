import Joi from 'joi';

/** A text of 1 to `max` characters. Of what Joi finds wrong with it, `trueFaults` are the faults. */
export const text = (max: number): Joi.StringSchema => Joi.string().min(1).max(max);

/** Whether the text has at most so many characters: code points, as JSON Schema counts them, so that an emoji is one. */
function hasAtMost(max: number, value: string): boolean {
  if (value.length <= max) return true;
  return value.length <= 2 * max && Array.from(value).length <= max;
}

/** What Joi found, without the texts that are too long only in UTF-16 units, which is what it counts. */
export function trueFaults(error: Joi.ValidationError | undefined): Joi.ValidationErrorItem[] {
  return (error?.details ?? []).filter(({ type, context }) => {
    if (type !== 'string.max') return true;
    const { limit, value } = context as unknown as { readonly limit: number; readonly value: string };
    return !hasAtMost(limit, value);
  });
}
