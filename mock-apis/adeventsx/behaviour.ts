/**
 * When a refused client is told to come back: a number of seconds, the same as a date, or something
 * unreadable.
 */
export type RetryAfter =
  | { readonly form: 'seconds' | 'date'; readonly seconds: number }
  | { readonly form: 'garbage' }
  | { readonly form: 'none' };

/**
 * What one call meets. `accept`, `drip`, `cut`, `oversize` and `lost-answer` take the conversion if
 * it is valid.
 */
export type Behaviour =
  | { readonly kind: 'accept' }
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: RetryAfter }
  | { readonly kind: SimpleKind }
  | { readonly kind: 'drip'; readonly everyMs: number }
  | { readonly kind: 'oversize'; readonly mebibytes: number }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string | null }
  | { readonly kind: 'delay'; readonly ms: number; readonly then: Behaviour };

const simpleKinds = [
  'hang',
  'reset-before',
  'reset-after',
  'lost-answer',
  'cut',
  'garbage',
  'html',
  'error-body',
  'empty',
] as const;
type SimpleKind = (typeof simpleKinds)[number];

const LONGEST_MS = 600_000;

/** A whole number written in at most nine digits, or null. */
function wholeNumber(text: string, min: number, max: number): number | null {
  if (!/^\d{1,9}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

/** Any number of digits: a Retry-After far too large is one of the faults to be simulated. */
const isDigits = (text: string): boolean => /^\d{1,15}$/.test(text);

function readRetryAfter(status: number, text: string | null): RetryAfter | null {
  if (text === null) return status === 429 ? { form: 'seconds', seconds: 2 } : { form: 'none' };
  if (text === 'none' || text === 'garbage') return { form: text };
  if (isDigits(text)) return { form: 'seconds', seconds: Number(text) };
  const seconds = text.startsWith('date:') ? wholeNumber(text.slice(5), 0, 999_999_999) : null;
  return seconds === null ? null : { form: 'date', seconds };
}

function readRedirect(text: string | null): Behaviour | null {
  const [, statusText, location] = /^(?:(30[12378])(?::|$))?(.*)$/s.exec(text ?? '') ?? [];
  const status = statusText === undefined ? 302 : Number(statusText);
  if (location === undefined || location === '') return { kind: 'redirect', status, location: null };
  return /^[\x21-\x7e]{1,2000}$/.test(location) ? { kind: 'redirect', status, location } : null;
}

function readDelay(text: string | null): Behaviour | null {
  const [msText = '', ...rest] = (text ?? '').split(':');
  const ms = wholeNumber(msText, 0, LONGEST_MS);
  const then = rest.length === 0 ? ({ kind: 'accept' } as const) : readBehaviour(rest.join(':'));
  return ms === null || then === null || then.kind === 'delay' ? null : { kind: 'delay', ms, then };
}

/**
 * Reads `503`, `429:2`, `hang`, `drip:50`, `redirect:308:http://…`, `delay:200:503` and so on; null
 * when it is none.
 */
export function readBehaviour(text: string): Behaviour | null {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const argument = colon < 0 ? null : text.slice(colon + 1);
  if (name === 'accept' && argument === null) return { kind: 'accept' };
  const simple = simpleKinds.find((kind) => kind === name);
  if (simple !== undefined) return argument === null ? { kind: simple } : null;
  if (name === 'redirect') return readRedirect(argument);
  if (name === 'delay') return readDelay(argument);
  if (name === 'drip') {
    const everyMs = wholeNumber(argument ?? '50', 1, LONGEST_MS);
    return everyMs === null ? null : { kind: 'drip', everyMs };
  }
  if (name === 'oversize') {
    const mebibytes = wholeNumber(argument ?? '5', 1, 1024);
    return mebibytes === null ? null : { kind: 'oversize', mebibytes };
  }
  const status = wholeNumber(name, 300, 599);
  const retryAfter = status === null ? null : readRetryAfter(status, argument);
  return status === null || retryAfter === null ? null : { kind: 'status', status, retryAfter };
}

/**
 * An entry of a script: a behaviour, for one call or (`503*3`) for several; null when it is none.
 */
export function readScriptEntry(text: string): { behaviour: Behaviour; times: number } | null {
  const [, name = '', timesText] = /^(.*?)(?:\*(\d+))?$/s.exec(text) ?? [];
  const behaviour = readBehaviour(name);
  const times = timesText === undefined ? 1 : wholeNumber(timesText, 1, 1_000_000);
  return behaviour === null || times === null ? null : { behaviour, times };
}

export function isBehaviour(text: string): boolean {
  return readBehaviour(text) !== null;
}

export function isScriptEntry(text: string): boolean {
  return readScriptEntry(text) !== null;
}

/** For the call log: the behaviour by its bare name. */
export function behaviourName(behaviour: Behaviour): string {
  if (behaviour.kind === 'delay') return behaviourName(behaviour.then);
  return behaviour.kind === 'status' ? String(behaviour.status) : behaviour.kind;
}
