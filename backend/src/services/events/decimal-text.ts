import { NUMBER_MAX_LENGTH } from '../../types/exact-json';

/** A decimal number taken apart: its magnitude is 0.digits × 10^point; for zero both are empty. */
export interface DecimalParts {
  readonly isNegative: boolean;
  /** Without a zero at either end. */
  readonly digits: string;
  readonly point: number;
}

const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/**
 * Takes a number's text (as in JSON, or as JS prints one) apart without rounding. Null when it is
 * none, or longer than NUMBER_MAX_LENGTH.
 */
export function readDecimal(text: string): DecimalParts | null {
  if (text.length > NUMBER_MAX_LENGTH) return null;
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, sign, integer = '', fraction = '', exponent = '0'] = match;
  const all = integer + fraction;
  const digits = all.replace(/^0+/, '');
  const leadingZeros = all.length - digits.length;
  return {
    isNegative: sign === '-',
    digits: digits.replace(/0+$/, ''),
    point: digits === '' ? 0 : integer.length - leadingZeros + Number(exponent),
  };
}
