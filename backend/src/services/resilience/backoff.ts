/**
 * How long to wait before a retry. Without jitter, clients that failed together come back together; see M. Brooker, "Exponential Backoff
 * And Jitter", AWS Architecture Blog, 2015. Attempts are numbered from 1: the delay of attempt n is the one that follows its failure.
 */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Beyond this many doublings any base from 1 ms is over any delay that makes sense; it keeps thousands of attempts finite. */
const maxDoublings = 50;

function exponentialMs(attempt: number, baseMs: number): number {
  return baseMs * 2 ** Math.min(Math.max(attempt - 1, 0), maxDoublings);
}

/**
 * The article's "full jitter": uniform in [0, min(maxMs, baseMs × 2^(n−1))). Spreads best and may be next to nothing: for quick retries
 * while somebody waits. `random` is uniform in [0, 1).
 */
export function fullJitter(attempt: number, { baseMs, maxMs }: BackoffOptions, random: () => number): number {
  return random() * Math.min(maxMs, exponentialMs(attempt, baseMs));
}

/**
 * Uniform in [½d, 1½d) around d = baseMs × 2^(n−1), so d is also its mean. Where that would pass maxMs, d stays at ⅔ maxMs: late retries
 * are still spread over a third to the whole of maxMs, instead of piling up on it. Related to the article's "equal jitter", which
 * keeps the lower half too but has its mean at ¾ d.
 */
export function aroundJitter(attempt: number, { baseMs, maxMs }: BackoffOptions, random: () => number): number {
  const middleMs = Math.min(exponentialMs(attempt, baseMs), (maxMs * 2) / 3);
  return middleMs * (0.5 + random());
}

/** The delay in whole milliseconds before a delivery is tried again: about 1, 2, 4 × baseMs, then growing, never above maxMs. */
export function retryDelayMs(attempt: number, options: BackoffOptions, random: () => number): number {
  return Math.floor(aroundJitter(attempt, options, random));
}

/** IMF-fixdate (RFC 9110, 5.6.7). The obsolete forms, which no server sends any more, are no hint. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) [A-Z][a-z]{2} \d{4} [0-2]\d:[0-5]\d:[0-5]\d GMT$/;

function httpDateMs(text: string): number | null {
  const [, , day] = HTTP_DATE.exec(text) ?? [];
  // Checked by form first, since `Date.parse("soon 5")` is a date. A day that the month does not have rolls over into the next.
  const ms = day === undefined ? NaN : Date.parse(text);
  return new Date(ms).getUTCDate() === Number(day) ? ms : null;
}

/**
 * How long a `Retry-After` header (RFC 9110, section 10.2.3: whole seconds or an HTTP-date) asks to wait from `nowMs` on: at least 0, at
 * most `capMs`. Null for no header and for anything else, such as a negative or broken number.
 */
export function retryAfterMs(header: string | null | undefined, nowMs: number, capMs: number): number | null {
  const text = (header ?? '').trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, capMs);
  const date = httpDateMs(text);
  return date === null ? null : Math.min(Math.max(date - nowMs, 0), capMs);
}
