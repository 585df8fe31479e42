/**
 * The three states and what moves between them. Each stay in a state is an object of its own: a call that ends holds the one it was
 * started in, and when that is no longer the present one it changes nothing.
 */
import type { Runtime } from '../../interfaces/runtime';

/** When a circuit opens, for how long, and how it closes again. */
export interface CircuitOptions {
  /** The window holds at most this many calls … */
  readonly windowCalls: number;
  /** … and none that ended longer ago. */
  readonly windowMs: number;
  /** Opens at this share of failures in the window (0–1], once it holds at least `minimumCalls`. */
  readonly failureRatio: number;
  readonly minimumCalls: number;
  /** Opens after so many failures in the window with no success after the first of them. */
  readonly failuresInARow: number;
  /** Opens after so many failures in the window, whatever succeeded between; Infinity: never for that. */
  readonly failuresInWindow: number;
  /** How long the circuit first stays open; doubles with each failed probe, up to `maxCooldownMs`. */
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  /** The share [0, 1) by which a cooldown may be shortened at random, so that several processes do not probe together. */
  readonly jitter: number;
  /** So many probes must succeed; at most 1, then 2, then 4 … are in flight at once, never more than are still missing. */
  readonly probesToClose: number;
}

const defaults: CircuitOptions = {
  windowCalls: 100,
  windowMs: 60_000,
  failureRatio: 0.5,
  minimumCalls: 20,
  failuresInARow: 5,
  failuresInWindow: Infinity,
  cooldownMs: 5_000,
  maxCooldownMs: 60_000,
  jitter: 0.1,
  probesToClose: 2,
};

function demand(isMet: boolean, rule: string): void {
  if (!isMet) throw new RangeError(`A circuit's ${rule}.`);
}

/** Fills in the defaults and checks the whole. Throws RangeError naming the rule that is broken. */
export function circuitOptions(given: Partial<CircuitOptions>): CircuitOptions {
  const options = { ...defaults, ...given };
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;
  demand(isCount(options.windowCalls), 'windowCalls is a whole number from 1');
  demand(options.windowMs > 0, 'windowMs is above 0');
  demand(options.failureRatio > 0 && options.failureRatio <= 1, 'failureRatio is above 0 and at most 1');
  demand(isCount(options.minimumCalls), 'minimumCalls is a whole number from 1');
  demand(
    isCount(options.failuresInARow) || options.failuresInARow === Infinity,
    'failuresInARow is a whole number from 1',
  );
  demand(
    isCount(options.failuresInWindow) || options.failuresInWindow === Infinity,
    'failuresInWindow is a whole number from 1',
  );
  demand(options.cooldownMs > 0 && Number.isFinite(options.cooldownMs), 'cooldownMs is a number above 0');
  demand(
    options.maxCooldownMs >= options.cooldownMs && Number.isFinite(options.maxCooldownMs),
    'maxCooldownMs is a number no smaller than cooldownMs',
  );
  demand(options.jitter >= 0 && options.jitter < 1, 'jitter is at least 0 and below 1');
  demand(isCount(options.probesToClose), 'probesToClose is a whole number from 1');
  return options;
}

/** `refused`: it does not let us in (401, 403); `gone`: it said 410. One answer of either kind opens, and one success closes. */
type OpenReason = 'failures' | 'refused' | 'gone';

interface ClosedState {
  readonly kind: 'CLOSED';
}
interface OpenState {
  readonly kind: 'OPEN';
  readonly reason: OpenReason;
  readonly failures: number;
  /** The cooldown before jitter: what the next one doubles. */
  readonly cooldownMs: number;
  /** Monotonic. */
  readonly until: number;
}
interface HalfOpenState {
  readonly kind: 'HALF_OPEN';
  readonly opened: OpenState;
  inFlight: number;
  successes: number;
}
export type CircuitState = ClosedState | OpenState | HalfOpenState;
export type CircuitStateName = CircuitState['kind'];
export type CallEnd = 'succeeded' | 'failed' | 'cancelled';

/** What changed. For `held` and `released` the state stays, only the permits change. */
export interface CircuitChange {
  readonly from: CircuitStateName;
  readonly to: CircuitStateName;
  readonly cause:
    | 'failures'
    | 'tripped'
    | 'gone'
    | 'cooldown_over'
    | 'probe_failed'
    | 'probes_succeeded'
    | 'trial_succeeded'
    | 'passed_elsewhere'
    | 'held'
    | 'released';
}

/** A destination that said 410 is probed this long after it; an operator, or the success of another call, ends the wait. */
const GONE_COOLDOWN_MS = 3_600_000;

export class CircuitMachine {
  private readonly window: SlidingWindow;
  private state: CircuitState = { kind: 'CLOSED' };

  constructor(
    private readonly runtime: Pick<Runtime, 'monotonic' | 'random'>,
    private readonly options: CircuitOptions,
    private readonly announce: (change: CircuitChange) => void,
  ) {
    this.window = new SlidingWindow(options.windowCalls, options.windowMs);
  }

  /** The state at this time: an open circuit whose cooldown is over becomes half-open by being looked at. */
  look(): CircuitState {
    const state = this.state;
    if (state.kind === 'OPEN' && this.runtime.monotonic() >= state.until) {
      this.move({ kind: 'HALF_OPEN', opened: state, inFlight: 0, successes: 0 }, 'cooldown_over');
    }
    return this.state;
  }

  permits(): number {
    const state = this.look();
    if (state.kind === 'CLOSED') return Infinity;
    if (state.kind === 'OPEN') return 0;
    const earned = Math.min(2 ** state.successes, this.probesToClose(state) - state.successes);
    return Math.max(0, earned - state.inFlight);
  }

  /** A call starts: while there are permits, or as the one trial. Returns the state that its end belongs to. */
  start(): CircuitState {
    const state = this.look();
    if (state.kind === 'HALF_OPEN') state.inFlight += 1;
    return state;
  }

  end(startedIn: CircuitState, end: CallEnd): void {
    const state = this.look();
    if (startedIn.kind === 'OPEN') return this.endOfTrial(startedIn, state, end);
    if (state !== startedIn) return;
    if (state.kind === 'CLOSED') this.endOfCall(end);
    else if (state.kind === 'HALF_OPEN') this.endOfProbe(state, end);
  }

  trip(reason: 'refused' | 'gone'): void {
    const state = this.look();
    const cause = reason === 'gone' ? 'gone' : 'tripped';
    if (state.kind === 'CLOSED') this.open(reason, cause, Math.max(1, this.failures()), this.options.cooldownMs);
    else if (state.kind === 'HALF_OPEN') this.reopen(state, reason, cause);
    else if (state.reason === 'gone' && reason !== 'gone') this.openAgain(state, reason, cause);
  }

  /** Closes what one answer has opened, for one of these reasons. */
  forgive(reasons: readonly OpenReason[], cause: CircuitChange['cause'] = 'released'): void {
    const state = this.look();
    const reason = state.kind === 'OPEN' ? state.reason : state.kind === 'HALF_OPEN' ? state.opened.reason : null;
    if (reason !== null && reasons.includes(reason)) this.close(cause);
  }

  /** Closed: the failures in the window. Otherwise: those that opened it and the failed probes since. */
  failures(): number {
    const state = this.look();
    if (state.kind === 'CLOSED') return this.window.counts(this.runtime.monotonic()).failures;
    return state.kind === 'OPEN' ? state.failures : state.opened.failures;
  }

  private endOfCall(end: CallEnd): void {
    if (end === 'cancelled') return;
    const at = this.runtime.monotonic();
    this.window.record(at, end === 'failed');
    if (end === 'succeeded') return;
    const { calls, failures, failuresInARow } = this.window.counts(at);
    const { minimumCalls, failureRatio } = this.options;
    const isFailing =
      failuresInARow >= this.options.failuresInARow ||
      failures >= this.options.failuresInWindow ||
      (calls >= minimumCalls && failures >= failureRatio * calls);
    if (isFailing) this.open('failures', 'failures', failures, this.options.cooldownMs);
  }

  /** A trial speaks of the stay in OPEN that it was started in and of the probes that follow it. */
  private endOfTrial(startedIn: OpenState, state: CircuitState, end: CallEnd): void {
    if (state !== startedIn && !(state.kind === 'HALF_OPEN' && state.opened === startedIn)) return;
    if (end === 'succeeded') this.close('trial_succeeded');
    // It answers, if badly: no longer a case for an operator alone.
    else if (end === 'failed' && startedIn.reason === 'gone') this.openAgain(startedIn, 'failures', 'probe_failed');
  }

  private endOfProbe(state: HalfOpenState, end: CallEnd): void {
    state.inFlight -= 1;
    if (end === 'failed') return this.reopen(state, 'failures', 'probe_failed');
    if (end === 'cancelled') return;
    state.successes += 1;
    if (state.successes >= this.probesToClose(state)) this.close('probes_succeeded');
  }

  private probesToClose({ opened }: HalfOpenState): number {
    return opened.reason === 'failures' ? this.options.probesToClose : 1;
  }

  private reopen({ opened }: HalfOpenState, reason: OpenReason, cause: CircuitChange['cause']): void {
    const cooldownMs = Math.min(opened.cooldownMs * 2, this.options.maxCooldownMs);
    this.open(reason, cause, opened.failures + 1, cooldownMs);
  }

  private openAgain({ failures, cooldownMs }: OpenState, reason: OpenReason, cause: CircuitChange['cause']): void {
    this.open(reason, cause, failures + 1, cooldownMs);
  }

  private open(reason: OpenReason, cause: CircuitChange['cause'], failures: number, cooldownMs: number): void {
    const fullMs = reason === 'gone' ? GONE_COOLDOWN_MS : cooldownMs;
    const shortenedMs = fullMs * (1 - this.options.jitter * this.runtime.random());
    this.move({ kind: 'OPEN', reason, failures, cooldownMs, until: this.runtime.monotonic() + shortenedMs }, cause);
  }

  private close(cause: CircuitChange['cause']): void {
    this.window.clear();
    this.move({ kind: 'CLOSED' }, cause);
  }

  private move(to: CircuitState, cause: CircuitChange['cause']): void {
    const from = this.state.kind;
    this.state = to;
    this.announce({ from, to: to.kind, cause });
  }
}

/** The last calls, at most `maxCalls` of them and none older than `maxAgeMs`. Memory is fixed; each call costs O(1). */
class SlidingWindow {
  private readonly times: Float64Array;
  private readonly isFailure: Uint8Array;
  private oldest = 0;
  private size = 0;
  private failureCount = 0;
  /** Failures since the last success, also those that have left the window. */
  private run = 0;

  constructor(
    private readonly maxCalls: number,
    private readonly maxAgeMs: number,
  ) {
    this.times = new Float64Array(maxCalls);
    this.isFailure = new Uint8Array(maxCalls);
  }

  /** Records the end of a call at `at` (monotonic); times never go back. */
  record(at: number, isFailure: boolean): void {
    this.forgetBefore(at - this.maxAgeMs);
    if (this.size === this.maxCalls) this.forgetOldest();
    const slot = (this.oldest + this.size) % this.maxCalls;
    this.times[slot] = at;
    this.isFailure[slot] = isFailure ? 1 : 0;
    this.size += 1;
    this.failureCount += isFailure ? 1 : 0;
    this.run = isFailure ? this.run + 1 : 0;
  }

  /** What stands in the window at `at`; `failuresInARow` are the newest ones, with no success after them. */
  counts(at: number): { calls: number; failures: number; failuresInARow: number } {
    this.forgetBefore(at - this.maxAgeMs);
    return { calls: this.size, failures: this.failureCount, failuresInARow: Math.min(this.run, this.size) };
  }

  clear(): void {
    this.oldest = 0;
    this.size = 0;
    this.failureCount = 0;
    this.run = 0;
  }

  private forgetBefore(time: number): void {
    while (this.size > 0 && (this.times[this.oldest] ?? 0) <= time) this.forgetOldest();
  }

  private forgetOldest(): void {
    this.failureCount -= this.isFailure[this.oldest] ?? 0;
    this.oldest = (this.oldest + 1) % this.maxCalls;
    this.size -= 1;
  }
}
