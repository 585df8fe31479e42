/**
 * The rules by which a source that fails often is asked. The first attempt sends once; each later one sends twice at the same time where
 * places are free and the budget allows it, the first success wins and the other sending is aborted. Kept invariants: never more in flight
 * than the pool has places; never more retries and copies than the budget grants.
 */
import { AppError } from '../../errors';
import type { Runtime } from '../../interfaces/runtime';
import type { SourceRequest, SourceResponse } from '../../interfaces/user-sources';
import { fullJitter, retryAfterMs } from '../resilience/backoff';
import { Circuit, type CircuitTicket } from '../resilience/circuit';
import { deadline, drainInputFirst } from '../resilience/deadline';
import { Gcra } from '../resilience/gcra';
import { onAbort } from '../resilience/on-abort';
import { Pool } from '../resilience/pool';
import { RetryBudget } from '../resilience/retry-budget';
import { AttemptTimeout } from './attempt-timeout';

export interface SourceRetryOptions {
  /** So many calls are in flight at once. */
  readonly poolSize: number;
  /** So many are begun in a second. */
  readonly ratePerSecond: number;
  /** How long the source is left alone once it has failed too often; at first a second at most, and twice as long after each failed probe. */
  readonly circuitCooldownMs: number;
  /** No attempt is given longer than this. */
  readonly timeoutMaxMs: number;
}

const maxRetries = 3;
const backoff = { baseMs: 25, maxMs: 250 };
const budget = { ratio: 0.25, floorPerSecond: 10 };
const firstTimeoutMs = 700;
/** A source that is usually quick may be slow for a moment without being given up at once. */
const leastTimeoutMs = 500;
const maxWaiting = 1_000;
/** More than any deadline of ours: a longer wait that is asked for does not fit, however long it is. */
const retryAfterCapMs = 3_600_000;
/** A source that fails one call in ten at random is in its normal state; only half of the calls, or twenty in a row, is an outage. */
const circuitRules = { windowMs: 10_000, failureRatio: 0.5, minimumCalls: 20, failuresInARow: 20 };

/**
 * Of one question no more failures than this speak against the source while its circuit is closed: one user whom it cannot answer for is tried
 * often, and must not open the circuit for all others.
 */
const failuresPerQuestion = 2;
/** A source that has only failed for so long is down rather than weak: until it has answered each question is put to it once. */
const failuresToDoubt = 10;

/** Somebody waits for the answer: after a moment of weakness the source is probed soon, and ever later only while it stays down. */
const firstCooldownMaxMs = 1_000;
const cooldownMaxMs = 15_000;

const cancelled: SourceResponse<never> = { kind: 'failed', code: 'cancelled', isRetryable: false, retryAfter: null };

function failed(code: string, isRetryable: boolean): SourceResponse<never> {
  return { kind: 'failed', code, isRetryable, retryAfter: null };
}

function isSuccess(sent: SourceResponse<unknown>): boolean {
  return sent.kind === 'found' || sent.kind === 'absent';
}

type Send<T> = (signal: AbortSignal) => Promise<SourceResponse<T>>;

/** What the sendings of one question have seen so far. */
interface Seen {
  attempts: number;
  notFound: number;
  failures: number;
  timeouts: number;
}

/** Who asks, and until when. */
export interface SourceCall {
  /** Ends the call, with everything it has in flight. */
  readonly signal: AbortSignal;
  /** How much time is left; what cannot end in it is not begun. */
  readonly remainingMs: () => number;
  /** Sent on as `X-Request-Id`. */
  readonly requestId: string;
  /** Told at the beginning of each attempt how many there are now. */
  readonly onAttempt: (attempts: number) => void;
}

/** What came of asking a source, all its attempts included. `attempts` counts the tries that were made. */
export type SourceAnswer<T> =
  | { readonly kind: 'found'; readonly value: T; readonly attempts: number }
  /** The source says that there is none, and is believed. */
  | { readonly kind: 'absent'; readonly attempts: number }
  /** `code` is short and for machines: that of the last response, or `circuit_open`, `cancelled`, … */
  | { readonly kind: 'failed'; readonly code: string; readonly attempts: number };

/** Asks for one thing, with as many attempts as it takes and may take. Never rejects. */
export type Ask<T> = (id: string, call: SourceCall) => Promise<SourceAnswer<T>>;

/**
 * How one source is asked: a failed request is sent again soon, then twice at the same time, as long as a budget, the source's circuit
 * and the time allow. One circuit, pool and budget for all requests to the source.
 */
export class SourceRetry {
  readonly circuit: Circuit;
  private readonly pool: Pool;
  private readonly limiter: Gcra;
  private readonly budget: RetryBudget;
  private readonly timeout: AttemptTimeout;
  /** Of all sendings, since the last success. */
  private failuresInARow = 0;

  constructor(
    private readonly runtime: Runtime,
    { poolSize, ratePerSecond, circuitCooldownMs, timeoutMaxMs }: SourceRetryOptions,
  ) {
    this.pool = new Pool({ size: poolSize, maxWaiting });
    this.limiter = new Gcra(runtime, { ratePerSecond, maxWaiting });
    this.budget = new RetryBudget(runtime, budget);
    this.timeout = new AttemptTimeout({ firstMs: firstTimeoutMs, minMs: leastTimeoutMs, maxMs: timeoutMaxMs });
    this.circuit = new Circuit(runtime, {
      ...circuitRules,
      cooldownMs: Math.min(circuitCooldownMs, firstCooldownMaxMs),
      maxCooldownMs: Math.max(cooldownMaxMs, circuitCooldownMs),
    });
  }

  /** The whole call that is made of such requests. */
  asking<T>(send: (id: string, request: SourceRequest) => Promise<SourceResponse<T>>): Ask<T> {
    return (id, call) => this.ask((signal) => send(id, { signal, requestId: call.requestId }), call);
  }

  async ask<T>(send: Send<T>, call: Omit<SourceCall, 'requestId'>): Promise<SourceAnswer<T>> {
    const { signal, remainingMs, onAttempt } = call;
    const seen: Seen = { attempts: 0, notFound: 0, failures: 0, timeouts: 0 };
    for (;;) {
      seen.attempts += 1;
      onAttempt(seen.attempts);
      const last = await (seen.attempts === 1
        ? this.sendFirst(send, signal, seen)
        : this.sendAgain(send, signal, seen));
      const isLast = signal.aborted || seen.attempts > maxRetries || seen.notFound >= 2;
      const delayMs = isLast ? null : this.delayBefore(last, seen.attempts, remainingMs());
      if (delayMs === null) return conclude(last, seen);
      await this.runtime.sleep(delayMs, signal);
      if (signal.aborted) return conclude(last, seen);
    }
  }

  /** Spends from the budget only when everything else speaks for another attempt. */
  private delayBefore(last: SourceResponse<unknown>, attempt: number, remainingMs: number): number | null {
    if (isSuccess(last) || (last.kind === 'failed' && !last.isRetryable)) return null;
    const askedMs = last.kind === 'failed' ? retryAfterMs(last.retryAfter, this.runtime.now(), retryAfterCapMs) : null;
    const delayMs = Math.max(
      askedMs ?? 0,
      fullJitter(attempt, backoff, () => this.runtime.random()),
    );
    const isDown = this.failuresInARow >= failuresToDoubt || this.circuit.permits() === 0;
    if (delayMs >= remainingMs || isDown) return null;
    return this.budget.trySpend() ? delayMs : null;
  }

  private sendFirst<T>(send: Send<T>, signal: AbortSignal, seen: Seen): Promise<SourceResponse<T>> {
    return this.sendInTurn(send, signal, seen, () => this.budget.recordCall());
  }

  private async sendAgain<T>(send: Send<T>, signal: AbortSignal, seen: Seen): Promise<SourceResponse<T>> {
    const hasRoom = this.pool.idle >= 2 && this.circuit.permits() >= 2;
    const copies = hasRoom && this.budget.trySpend() ? 2 : 1;
    const race = new AbortController();
    const leave = onAbort(signal, () => race.abort(signal.reason));
    if (signal.aborted) race.abort(signal.reason);
    return new Promise<SourceResponse<T>>((resolve, reject) => {
      let open = copies;
      const end = (sent: SourceResponse<T>): void => {
        open -= 1;
        if (!isSuccess(sent) && open > 0) return;
        resolve(sent);
        leave();
        race.abort('superseded');
      };
      for (let copy = 0; copy < copies; copy += 1) this.sendInTurn(send, race.signal, seen).then(end, reject);
    });
  }

  private async sendInTurn<T>(
    send: Send<T>,
    signal: AbortSignal,
    seen: Seen,
    onSend?: () => void,
  ): Promise<SourceResponse<T>> {
    try {
      if (this.limiter.tryTake() > 0) await this.limiter.take(signal);
      return await this.pool.run(() => this.sendInPlace(send, signal, seen, onSend), signal);
    } catch (error) {
      if (signal.aborted) return cancelled;
      if (error instanceof AppError) return failed(error.code, false);
      throw error;
    }
  }

  private async sendInPlace<T>(
    send: Send<T>,
    signal: AbortSignal,
    seen: Seen,
    onSend?: () => void,
  ): Promise<SourceResponse<T>> {
    const ticket = this.circuit.acquire();
    if (ticket === null) return failed('circuit_open', false);
    onSend?.();
    const limit = deadline(
      drainInputFirst(this.runtime),
      this.timeout.currentMs(seen.timeouts),
      signal,
      'attempt_timeout',
    );
    const startedAt = this.runtime.monotonic();
    try {
      const sent = await send(limit.signal);
      if (isSuccess(sent) || sent.kind === 'not_found') {
        if (sent.kind === 'not_found') seen.notFound += 1;
        ticket.succeeded();
        this.failuresInARow = 0;
        this.timeout.answered(this.runtime.monotonic() - startedAt);
        return sent;
      }
      // A call that we ended ourselves says nothing about the source.
      if (signal.aborted) return cancelled;
      if (limit.signal.aborted) {
        this.noteFailure(ticket, seen);
        seen.timeouts += 1;
        this.timeout.timedOut();
        return failed('attempt_timeout', true);
      }
      // A refusal that would come again (a 400, say) shows that the source works.
      if (sent.kind === 'failed' && !sent.isRetryable) ticket.succeeded();
      else this.noteFailure(ticket, seen);
      return sent;
    } finally {
      limit.clear();
      ticket.cancelled();
    }
  }

  private noteFailure(ticket: CircuitTicket, seen: Seen): void {
    seen.failures += 1;
    this.failuresInARow += 1;
    if (seen.failures <= failuresPerQuestion || this.circuit.state !== 'CLOSED') ticket.failed();
  }
}

/** A 404 is believed at the second sighting. */
function conclude<T>(last: SourceResponse<T>, { attempts, notFound }: Seen): SourceAnswer<T> {
  if (last.kind === 'found') return { kind: 'found', value: last.value, attempts };
  if (last.kind === 'absent' || notFound >= 2) return { kind: 'absent', attempts };
  return { kind: 'failed', code: last.kind === 'not_found' ? 'http_404_unconfirmed' : last.code, attempts };
}
