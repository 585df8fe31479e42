import { ExactNumber } from '../types/exact-number';

/** Up to this many significant decimal digits survive the way into a double and back (IEEE 754, binary64). */
const MAX_EXACT_DIGITS = 15;
/** 2^53 - 1 has this many digits. */
const MAX_SAFE_DIGITS = 16;
/** Up to this power of ten, on either side, a double neither overflows nor loses digits to underflow. */
const MAX_POWER = 307;

const ZERO = 0x30;
const NINE = 0x39;

/**
 * What a JSON number's text means: a JS number when that keeps its exact decimal value (at most 15 significant digits and a power
 * of ten that a double has, or an integer up to 2^53 - 1), else an ExactNumber. Spelling makes no difference: 100, 1e2 and 100.000
 * are one number, and -0 is 0. `token` must be in JSON's grammar.
 */
export function numberOf(token: string): number | ExactNumber {
  const exponentAt = token.search(/[eE]/);
  if (exponentAt === -1 && token.length <= MAX_EXACT_DIGITS) return withoutMinusZero(Number(token));

  const mantissa = exponentAt === -1 ? token : token.slice(0, exponentAt);
  const exponent = exponentAt === -1 ? 0 : Number(token.slice(exponentAt + 1));
  const firstAt = firstNonZero(mantissa);
  if (firstAt === -1) return 0;
  const lastAt = lastNonZero(mantissa);
  const pointAt = mantissa.includes('.') ? mantissa.indexOf('.') : mantissa.length;
  const digits = lastAt - firstAt + (firstAt < pointAt && pointAt < lastAt ? 0 : 1);
  const power = exponent + pointAt - firstAt - (firstAt < pointAt ? 1 : 0);

  if (digits <= MAX_EXACT_DIGITS && Math.abs(power) <= MAX_POWER) return Number(token);
  const isInteger = power >= digits - 1;
  if (digits === MAX_SAFE_DIGITS && isInteger && Number.isSafeInteger(Number(token))) return Number(token);
  return new ExactNumber(token);
}

function withoutMinusZero(value: number): number {
  return value === 0 ? 0 : value;
}

function firstNonZero(mantissa: string): number {
  for (let i = 0; i < mantissa.length; i++) if (isNonZeroDigit(mantissa.charCodeAt(i))) return i;
  return -1;
}

function lastNonZero(mantissa: string): number {
  for (let i = mantissa.length - 1; i >= 0; i--) if (isNonZeroDigit(mantissa.charCodeAt(i))) return i;
  return -1;
}

function isNonZeroDigit(code: number): boolean {
  return code > ZERO && code <= NINE;
}
