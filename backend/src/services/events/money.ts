import { ExactNumber } from '../../types/exact-number';
import { MAX_DECIMAL_LENGTH, readDecimal } from './decimal-text';

export type CentsReading = { readonly cents: number } | { readonly error: string };

/** A value in a string is digits, and more digits after a point: no sign, exponent, space or separator. */
const DECIMAL_STRING = /^[0-9]+(?:\.[0-9]+)?$/;

/** 1e9 is 0.1 × 10^10. */
const MAX_POINT = 10;

/**
 * A value as hundredths of its currency's unit, whatever the currency: 0 to 1e9, exact decimal arithmetic, half away from zero
 * (1.005 is 101). A JS number stands for the decimal text that JS prints for it, an ExactNumber for the text it was written as.
 * Range is judged before rounding: -0.001 and 1000000000.001 are refused. The number -0 is 0; the string "-0" has a sign and is
 * refused. Never throws.
 */
export function toCents(value: number | string | ExactNumber): CentsReading {
  if (typeof value === 'string' && value.length <= MAX_DECIMAL_LENGTH && !DECIMAL_STRING.test(value)) {
    return { error: 'must be a number, or a string of digits with a point, such as "19.99"' };
  }
  const text = value instanceof ExactNumber ? value.text : String(value);
  if (text.length > MAX_DECIMAL_LENGTH) return { error: `must be at most ${MAX_DECIMAL_LENGTH} characters long` };
  const decimal = readDecimal(text);
  if (decimal === null) return { error: 'must be a finite number' };

  const { isNegative, digits, point } = decimal;
  if (digits === '') return { cents: 0 };
  // Digits start with a non-zero one, so that at this point anything after "1" is more than 1e9.
  const isTooLarge = point > MAX_POINT || (point === MAX_POINT && digits > '1');
  if (isNegative || isTooLarge) return { error: 'must be from 0 to 1000000000' };
  return { cents: roundedHundredths(digits, point) };
}

/** At most twelve digits are kept, which a double holds exactly: no BigInt is needed, and a huge exponent makes no huge number. */
function roundedHundredths(digits: string, point: number): number {
  const keptDigits = point + 2;
  if (keptDigits < 0) return 0;
  const kept = Number(digits.slice(0, keptDigits).padEnd(keptDigits, '0'));
  return digits.charAt(keptDigits) >= '5' ? kept + 1 : kept;
}
