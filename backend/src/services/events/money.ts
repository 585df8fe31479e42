import { ExactNumber, NUMBER_MAX_LENGTH } from '../../types/exact-json';
import { readDecimal } from './decimal-text';

export type CentsReading = { readonly cents: number } | { readonly error: string };

/**
 * A value in a string is digits, and more digits after a point, perhaps with a minus: no exponent,
 * space or separator.
 */
const DECIMAL_STRING = /^-?[0-9]+(?:\.[0-9]+)?$/;

const RANGE = 'must be from 0 to 1000000000; only an event that the catalogue marks `negative` may be less';
const SIGNED_RANGE = 'must be from -1000000000 to 1000000000';

/** 1e9 is 0.1 × 10^10. */
const MAX_POINT = 10;

/**
 * A value as hundredths of its currency's unit, for any currency: at most 1e9, exact decimal
 * arithmetic, half away from zero (1.005 is 101, -1.005 is -101). A JS number is read as the
 * decimal text that JS prints for it, an ExactNumber as the text it was written as. At least -1e9
 * where it may be negative, else 0; range is judged before rounding: -0.001 is negative,
 * 1000000000.001 too large. -0 is 0, however it is spelled. Never throws.
 */
export function toCents(value: number | string | ExactNumber, mayBeNegative = false): CentsReading {
  if (typeof value === 'string' && value.length <= NUMBER_MAX_LENGTH && !DECIMAL_STRING.test(value)) {
    return { error: 'must be a number, or a string of digits with a point, such as "19.99"' };
  }
  const text = value instanceof ExactNumber ? value.text : String(value);
  if (text.length > NUMBER_MAX_LENGTH) return { error: `must be at most ${NUMBER_MAX_LENGTH} characters long` };
  const decimal = readDecimal(text);
  if (decimal === null) return { error: 'must be a finite number' };

  const { isNegative, digits, point } = decimal;
  if (digits === '') return { cents: 0 };
  // Digits start with a non-zero one, so that at this point anything after "1" is more than 1e9.
  const isTooLarge = point > MAX_POINT || (point === MAX_POINT && digits > '1');
  if (isTooLarge || (isNegative && !mayBeNegative)) return { error: mayBeNegative ? SIGNED_RANGE : RANGE };
  const magnitude = roundedHundredths(digits, point);
  return { cents: isNegative && magnitude !== 0 ? -magnitude : magnitude };
}

/**
 * At most twelve digits are kept, which a double holds exactly: no BigInt is needed, and a huge
 * exponent makes no huge number.
 */
function roundedHundredths(digits: string, point: number): number {
  const keptDigits = point + 2;
  if (keptDigits < 0) return 0;
  const kept = Number(digits.slice(0, keptDigits).padEnd(keptDigits, '0'));
  return digits.charAt(keptDigits) >= '5' ? kept + 1 : kept;
}
