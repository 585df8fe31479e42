import { isBehaviour, isScriptEntry } from './adeventsx/behaviour';

/** What values a setting may have, and how they are written in an environment variable. */
export interface Rule<T> {
  /** Follows "must be": what would be right. */
  readonly expects: string;
  fromText(text: string): unknown;
  isValid(value: unknown): value is T;
  toText(value: T): string;
}

const numberFrom = (text: string): number => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN);
const listFrom = (text: string): string[] => (text === '' ? [] : text.split(',').map((part) => part.trim()));

export function integer(min: number, max: number): Rule<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    fromText: numberFrom,
    isValid: (value): value is number => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max,
    toText: String,
  };
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

export const rate: Rule<number> = {
  expects: 'a number from 0 (never) to 1 (always)',
  fromText: numberFrom,
  isValid: isRate,
  toText: String,
};

export const flag: Rule<boolean> = {
  expects: 'true or false',
  fromText: (text) => (text === 'true' ? true : text === 'false' ? false : text),
  isValid: (value): value is boolean => typeof value === 'boolean',
  toText: String,
};

export function text(expects: string, pattern: RegExp): Rule<string> {
  return {
    expects,
    fromText: (given) => given,
    isValid: (value): value is string => typeof value === 'string' && pattern.test(value),
    toText: (value) => value,
  };
}

const LONGEST_DELAY_MS = 600_000;

function isDelay(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= LONGEST_DELAY_MS;
}

/** The shortest and the longest delay; each call draws one between them. */
export const delayRange: Rule<readonly [number, number]> = {
  expects: `two whole numbers of milliseconds up to ${LONGEST_DELAY_MS}, smaller first ("100-300" or "100" in the environment, [100, 300] in JSON)`,
  fromText: (given) => {
    const [first = '', second = first, ...rest] = given.split('-');
    return rest.length === 0 ? [numberFrom(first), numberFrom(second)] : given;
  },
  isValid: (value): value is readonly [number, number] =>
    Array.isArray(value) && value.length === 2 && value.every(isDelay) && Number(value[0]) <= Number(value[1]),
  toText: ([min, max]) => (min === max ? String(min) : `${min}-${max}`),
};

/** Statuses of which a failing call draws one. */
export const failStatuses: Rule<readonly number[]> = {
  expects: 'one or more HTTP statuses from 400 to 599 ("500,503" in the environment, [500, 503] in JSON)',
  fromText: (given) => listFrom(given).map(numberFrom),
  isValid: (value): value is readonly number[] =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= 200 &&
    value.every((status) => Number.isInteger(status) && status >= 400 && status <= 599),
  toText: (value) => value.join(','),
};

/** A setting that may be left open; the empty text or null leaves it so. */
export function optional<T>(rule: Rule<T>): Rule<T | null> {
  return {
    expects: `empty, or ${rule.expects}`,
    fromText: (given) => (given === '' ? null : rule.fromText(given)),
    isValid: (value): value is T | null => value === null || rule.isValid(value),
    toText: (value) => (value === null ? '' : rule.toText(value)),
  };
}

export const behaviour: Rule<string> = {
  expects: 'a behaviour of mock-apis/README.md, such as accept, 503, 429:2, hang or drip:50',
  fromText: (given) => given,
  isValid: (value): value is string => typeof value === 'string' && isBehaviour(value),
  toText: (value) => value,
};

/** Behaviours used up one per call. */
export const script: Rule<readonly string[]> = {
  expects:
    'up to 10000 behaviours of mock-apis/README.md, each optionally times a number ("503*3,hang" in the environment, ["503*3", "hang"] in JSON)',
  fromText: listFrom,
  isValid: (value): value is readonly string[] =>
    Array.isArray(value) &&
    value.length <= 10_000 &&
    value.every((entry) => typeof entry === 'string' && isScriptEntry(entry)),
  toText: (value) => value.join(','),
};

/** Behaviours with the rate at which a call meets each. */
export const faults: Rule<Readonly<Record<string, number>>> = {
  expects:
    'up to 100 behaviours of mock-apis/README.md with a rate from 0 to 1 each ("hang=0.01,429:2=0.05" in the environment, {"hang": 0.01} in JSON)',
  fromText: (given) =>
    Object.fromEntries(
      listFrom(given).map((part) => {
        const split = part.lastIndexOf('=');
        return split < 0 ? [part, Number.NaN] : [part.slice(0, split), numberFrom(part.slice(split + 1))];
      }),
    ),
  isValid: (value): value is Readonly<Record<string, number>> =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= 100 &&
    Object.entries(value).every(([name, chance]) => isBehaviour(name) && isRate(chance)),
  toText: (value) =>
    Object.entries(value)
      .map(([name, chance]) => `${name}=${chance}`)
      .join(','),
};
