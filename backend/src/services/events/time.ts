import type { ExactNumber } from '../../types/exact-json';
import { readDecimal } from './decimal-text';

/** A moment, floored towards the past to each unit. */
export interface Moment {
  readonly epochMs: number;
  readonly seconds: number;
}

export type TimeReading = Moment | { readonly error: string };

/** Which event times are accepted; both ends belong to it. */
export interface AcceptanceWindow {
  readonly nowMs: number;
  readonly startMs: number;
  readonly endMs: number;
}

const MAX_TEXT_LENGTH = 64;
const RFC_3339 =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;
const SPACE_SEPARATED = /^[0-9]{4}-[0-9]{2}-[0-9]{2} /;
const WITHOUT_OFFSET = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?$/;

const SECONDS_PER_DAY = 86_400;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Reads an RFC 3339 date-time (section 5.6): offset mandatory, `t` and `z` in either case, any
 * number of fraction digits within 64 characters, years 0000 to 9999. A space instead of "T" is
 * refused, and so is a day that the month does not have. The leap second 23:59:60 is accepted where
 * section 5.7 allows one, at the end of a month in UTC, and is the second after it, as POSIX
 * counts. Never throws.
 */
export function parseRfc3339(text: string): TimeReading {
  if (text.length > MAX_TEXT_LENGTH) return { error: `must be at most ${MAX_TEXT_LENGTH} characters long` };
  const match = RFC_3339.exec(text);
  if (match === null) return { error: whyNotRfc3339(text) };
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as Six;
  const [fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match.slice(7);

  if (month < 1 || month > 12) return { error: 'has a month that is not from 01 to 12' };
  if (day < 1 || day > daysInMonth(year, month)) return { error: 'has a day that its month does not have' };
  if (hour > 23 || minute > 59 || second > 60)
    return { error: 'has a time of day that is not from 00:00:00 to 23:59:59' };
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return { error: 'has an offset over 23:59' };

  const offsetSeconds = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -60 : 60);
  const localSeconds = daysSinceEpoch(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
  const seconds = localSeconds - offsetSeconds;
  if (second === 60 && !startsMonth(seconds)) {
    return { error: 'has a second of 60, which is only possible at the end of a month in UTC' };
  }
  // Digits past the third are dropped: with the fraction counted forwards, that is the floor before
  // 1970 too.
  return { seconds, epochMs: seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, '0')) };
}

type Six = [number, number, number, number, number, number];

function whyNotRfc3339(text: string): string {
  if (SPACE_SEPARATED.test(text)) return 'must have "T", not a space, between date and time';
  if (WITHOUT_OFFSET.test(text)) return 'must end in "Z" or an offset such as "+02:00"';
  return 'must be a date and time with an offset as in RFC 3339, such as 2026-01-31T12:00:00Z';
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysInMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
}

/**
 * Days from 1970-01-01 in the proleptic Gregorian calendar. Date.UTC would take the years 0 to 99
 * for 1900 to 1999.
 */
function daysSinceEpoch(year: number, month: number, day: number): number {
  // Years that start in March put the leap day at their end, so that a month's start does not
  // depend on it.
  const marchYear = month > 2 ? year : year - 1;
  const daysBeforeMonth = Math.floor((153 * ((month + 9) % 12) + 2) / 5);
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const daysFromYearZeroToEpoch = 719_468;
  return marchYear * 365 + leapDays + daysBeforeMonth + day - 1 - daysFromYearZeroToEpoch;
}

/** Whether these epoch seconds are the first of a month in UTC. */
function startsMonth(epochSeconds: number): boolean {
  return epochSeconds % SECONDS_PER_DAY === 0 && new Date(epochSeconds * 1000).getUTCDate() === 1;
}

/** The times that are accepted at `nowMs`. */
export function windowOf(nowMs: number, maxAgeMs: number, maxAheadMs: number): AcceptanceWindow {
  return { nowMs, startMs: nowMs - maxAgeMs, endMs: nowMs + maxAheadMs };
}

/** Why a time is not accepted, in words that complete the field's name; null when it is. */
export function checkWindow(epochMs: number, window: AcceptanceWindow): string | null {
  const { nowMs, startMs, endMs } = window;
  if (epochMs < startMs) {
    return `is ${durationInWords(nowMs - epochMs)} old; at most ${durationInWords(nowMs - startMs)} are accepted`;
  }
  if (epochMs > endMs) {
    return `lies ${durationInWords(epochMs - nowMs)} ahead; at most ${durationInWords(endMs - nowMs)} are accepted`;
  }
  return null;
}

/** Each unit of an epoch number, with its conversion to milliseconds (floor). */
const EPOCH_UNITS: readonly (readonly [name: string, toMs: (count: bigint) => bigint])[] = [
  ['seconds', (count) => count * 1000n],
  ['milliseconds', (count) => count],
  ['microseconds', (count) => floorDivide(count, 1000n)],
  ['nanoseconds', (count) => floorDivide(count, 1_000_000n)],
];

/** Nanoseconds of the year 9999 have 21 digits: what has more is out of every unit's reach. */
const MAX_EPOCH_DIGITS = 21;

/**
 * Reads a count of s, ms, µs or ns since 1970, taken in the one unit that falls in the window;
 * exact for any number of digits. Two units can fit only around 1970 itself; unless both name the
 * same second, that is refused too. Never throws.
 */
export function epochToSeconds(value: number | ExactNumber, window: AcceptanceWindow): TimeReading {
  const count = wholeNumberOf(value);
  if (count === null) {
    return { error: 'must be a whole number of seconds, milliseconds, microseconds or nanoseconds since 1970' };
  }
  const readings = EPOCH_UNITS.map(([unit, toMs]) => ({ unit, epochMs: Number(toMs(count)) }));
  const fitting = readings.filter(({ epochMs }) => epochMs >= window.startMs && epochMs <= window.endMs);
  const moments = fitting.map(({ epochMs }) => ({ epochMs, seconds: Math.floor(epochMs / 1000) }));
  const [first, ...others] = moments;
  if (first === undefined) return { error: whyNoUnitFits(readings, window) };
  if (others.some(({ seconds }) => seconds !== first.seconds)) {
    return { error: `could be ${fitting.map(({ unit }) => unit).join(' or ')}; send event_time instead` };
  }
  return first;
}

/**
 * The value as an integer, saturated at MAX_EPOCH_DIGITS; null when it has a fraction or is no
 * number of a sensible length.
 */
function wholeNumberOf(value: number | ExactNumber): bigint | null {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  // A double over 2^53 is read as the decimal text that JS prints for it.
  const decimal = readDecimal(typeof value === 'number' ? String(value) : value.text);
  if (decimal === null || decimal.digits.length > decimal.point) return null;
  const magnitude =
    decimal.point > MAX_EPOCH_DIGITS
      ? 10n ** BigInt(MAX_EPOCH_DIGITS)
      : BigInt(decimal.digits.padEnd(decimal.point, '0'));
  return decimal.isNegative ? -magnitude : magnitude;
}

function floorDivide(count: bigint, divisor: bigint): bigint {
  const quotient = count / divisor;
  return count % divisor < 0n ? quotient - 1n : quotient;
}

function whyNoUnitFits(readings: readonly { unit: string; epochMs: number }[], window: AcceptanceWindow): string {
  const distance = ({ epochMs }: { epochMs: number }) => Math.abs(epochMs - window.nowMs);
  const nearest = readings.reduce((best, reading) => (distance(reading) < distance(best) ? reading : best));
  const why = checkWindow(nearest.epochMs, window) ?? '';
  return `is an accepted time in none of s, ms, µs and ns; read in ${nearest.unit} it ${why}`;
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
  ['millisecond', 1],
];

/** A duration for a person, in its two largest units that are not zero: "7 days and 1 second". */
export function durationInWords(durationMs: number): string {
  const parts: string[] = [];
  let rest = Math.abs(Math.trunc(durationMs));
  for (const [name, ms] of UNITS) {
    const count = Math.floor(rest / ms);
    rest -= count * ms;
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`);
  }
  return parts.length === 0 ? '0 milliseconds' : parts.join(' and ');
}
