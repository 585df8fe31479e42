import { ADDRESS_REFUSED, type Destination, type UpstreamAnswer } from '../../interfaces/destination';
import type { Outcome, PossibleDuplicateReason } from '../../types/delivery';
import { retryAfterMs } from '../resilience/backoff';

/** An attempt's answer, read: what it means and what is kept of it. */
export interface ReadAnswer {
  readonly outcome: Outcome;
  readonly httpStatus: number | null;
  readonly error: string | null;
  readonly excerpt: string | null;
}

/** A destination that asks for more patience than this is tried again after this. */
const RETRY_AFTER_MAX_MS = 3_600_000;

const EXCERPT_MAX_CHARS = 500;
/** 4xx that a later try may cure: timeout, too early, too many requests (RFC 9110, 8470, 6585). */
const RETRYABLE_4XX = new Set([408, 425, 429]);

/** Nothing was sent and nothing would be at any later try: dead at once, for an operator to see and to replay. */
const REFUSED_ADDRESS: ReadAnswer = {
  outcome: { kind: 'rejected', reason: 'rejected' },
  httpStatus: null,
  error: ADDRESS_REFUSED,
  excerpt: null,
};

/** Reads an answer by the one table for all destinations; only the meaning of a 2xx body and of 409 is the destination's own. Pure. */
export function readAnswer(answer: UpstreamAnswer, destination: Destination, nowMs: number): ReadAnswer {
  if (answer.kind === 'failure') {
    if (answer.code === ADDRESS_REFUSED) return REFUSED_ADDRESS;
    const possibleDuplicate = answer.mayHaveBeenProcessed ? duplicateReasonOf(answer.code) : null;
    return {
      outcome: { kind: 'retryable', retryAfterMs: null, possibleDuplicate },
      httpStatus: null,
      error: answer.code,
      excerpt: null,
    };
  }
  const { status, body, headers, bodyFault } = answer;
  const outcome = readStatus(answer, destination, () =>
    retryAfterMs(headers['retry-after'], nowMs, RETRY_AFTER_MAX_MS),
  );
  const isUnreadable = outcome.kind === 'retryable' && isSuccess(status);
  const failure = isUnreadable ? (bodyFault ?? 'answer_unreadable') : `http_${String(status)}`;
  return {
    outcome,
    httpStatus: status,
    error: outcome.kind === 'delivered' ? null : failure,
    excerpt: excerptOf(body),
  };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

type Response = Extract<UpstreamAnswer, { kind: 'response' }>;

/** Only of a 2xx the body counts, and only where the destination reads it: every other status says all by itself. */
function readStatus(
  { status, body, bodyFault }: Response,
  destination: Destination,
  retryAfter: () => number | null,
): Outcome {
  if (isSuccess(status)) {
    if (destination.isAccepted(bodyFault === undefined ? body : null)) return { kind: 'delivered' };
    const possibleDuplicate = bodyFault === undefined ? 'answer_unreadable' : duplicateReasonOf(bodyFault);
    return { kind: 'retryable', retryAfterMs: null, possibleDuplicate };
  }
  const { alsoRetry, conflictMeansDelivered } = destination.contract;
  if (status >= 500 || RETRYABLE_4XX.has(status) || alsoRetry?.includes(status) === true) {
    return { kind: 'retryable', retryAfterMs: retryAfter(), possibleDuplicate: null };
  }
  if (status === 401 || status === 403) return { kind: 'held', until: 'probe' };
  if (status === 410) return { kind: 'held', until: 'operator' };
  if (status === 409 && conflictMeansDelivered) return { kind: 'delivered' };
  return { kind: 'rejected', reason: 'rejected' };
}

function duplicateReasonOf(code: string): PossibleDuplicateReason {
  if (code === 'attempt_timeout') return 'answer_late';
  if (code === 'shutdown') return 'shutdown';
  if (code === 'answer_cut' || code === 'answer_too_large') return 'answer_cut';
  if (code === 'answer_garbled' || code.startsWith('coding_')) return 'answer_unreadable';
  return 'answer_lost';
}

/** The start of a body as printable text, for the operator's eyes. */
function excerptOf(body: Buffer): string | null {
  if (body.length === 0) return null;
  const text = body.subarray(0, EXCERPT_MAX_CHARS * 4).toString('utf8');
  return text.replace(/[\p{Cc}\p{Cs}\ufffd]+/gu, ' ').slice(0, EXCERPT_MAX_CHARS);
}

/** Refusals that speak of the address and not of what was sent: no other event or smaller batch would fare better. */
const ABOUT_THE_ADDRESS = new Set([404, 405]);

/** Whether the destination took what was sent or judged its content; redirects, too, speak of the address. */
export function hasPassed({ outcome, httpStatus }: ReadAnswer): boolean {
  if (outcome.kind === 'delivered') return true;
  return outcome.kind === 'rejected' && httpStatus !== null && httpStatus >= 400 && !ABOUT_THE_ADDRESS.has(httpStatus);
}

/** What refuses us as a whole, read as the refusal of one event: 401 and 403 are retried as other failures are, 410 is final. */
export function asOwnFault(read: ReadAnswer): ReadAnswer {
  if (read.outcome.kind !== 'held') return read;
  const outcome: Outcome =
    read.outcome.until === 'operator'
      ? { kind: 'rejected', reason: 'rejected' }
      : { kind: 'retryable', retryAfterMs: null, possibleDuplicate: null };
  return { ...read, outcome };
}
