/**
 * JSON whose numbers stay as they were sent: how such a value is held, written as text and read
 * again.
 */

/** A text that is JSON already: `writeJson` puts it where it stands, unchanged. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** Long enough for every sensible number, short enough that nothing done with it can take long. */
export const NUMBER_MAX_LENGTH = 64;

/**
 * A JSON number whose spelling a double would change: a 19-digit epoch, a long decimal, 1e400, -0,
 * 1E5, 5.00.
 */
export class ExactNumber extends JsonText {
  /** The number as a double, or null where no double has its exact decimal value. */
  get double(): number | null {
    return exactDouble(this.text);
  }
}

/**
 * An element of a list that is no acceptable JSON by itself. `pointer` leads from the element to
 * the fault.
 */
export class RefusedJson {
  constructor(
    readonly pointer: string,
    readonly reason: string,
  ) {}
}

/** A JSON value as strict reading returns it: no number in it was changed. */
export type ExactJson = null | boolean | number | string | ExactNumber | ExactJson[] | { [key: string]: ExactJson };
export type ExactObject = { [key: string]: ExactJson };

/**
 * Up to this many significant decimal digits survive the way into a double and back (IEEE 754,
 * binary64).
 */
const MAX_EXACT_DIGITS = 15;
/** 2^53 - 1 has this many digits. */
const MAX_SAFE_DIGITS = 16;
/**
 * Up to this power of ten, on either side, a double neither overflows nor loses digits to
 * underflow.
 */
const MAX_POWER = 307;

const ZERO = 0x30;
const NINE = 0x39;

const PLAIN_INTEGER = /^(?:0|-?[1-9][0-9]*)$/;

/**
 * A number's text as a JS number where JS would write the same text again, else as ExactNumber.
 * `token` is in JSON's grammar.
 */
export function numberAsSent(token: string): number | ExactNumber {
  if (token.length <= MAX_EXACT_DIGITS && PLAIN_INTEGER.test(token)) return Number(token);
  const double = exactDouble(token);
  return double !== null && String(double) === token ? double : new ExactNumber(token);
}

/**
 * The double that keeps the exact decimal value of a number's text: at most 15 significant digits
 * and a power of ten that a double has, or an integer up to 2^53 - 1. Null where there is none. -0
 * is 0.
 */
function exactDouble(token: string): number | null {
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
  return digits === MAX_SAFE_DIGITS && isInteger && Number.isSafeInteger(Number(token)) ? Number(token) : null;
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

/** As JSON.stringify, but a JsonText, and so an ExactNumber, is written as its text. */
export function writeJson(value: unknown): string {
  return holdsText(value) ? written(value) : JSON.stringify(value);
}

function holdsText(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof JsonText) return true;
  for (const key in value) if (holdsText((value as Record<string, unknown>)[key])) return true;
  return false;
}

function written(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map((item) => written(item ?? null)).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${members.map(([key, item]) => `${JSON.stringify(key)}:${written(item)}`).join()}}`;
}

const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*/g;
/**
 * Marks a number on its way through JSON.parse. No string that strict reading took begins like
 * that.
 */
const MARK = '\0';

/** Reads what `writeJson` wrote of a value that strict reading took; each number as it was sent. */
export function readWrittenJson(text: string): ExactJson {
  const value = JSON.parse(text) as ExactJson;
  // What JSON.stringify writes the same way holds no number in another spelling: nearly always so.
  if (JSON.stringify(value) === text) return value;
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : JSON.stringify(`${MARK}${token}`),
  );
  return JSON.parse(marked, (_key, item: ExactJson) =>
    typeof item === 'string' && item.startsWith(MARK) ? numberAsSent(item.slice(MARK.length)) : item,
  ) as ExactJson;
}
