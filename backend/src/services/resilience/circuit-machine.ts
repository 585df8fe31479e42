/**
 * The three states and what moves between them. Each stay in a state is an object of its own: a call that ends holds the one it was
 * started in, and when that is no longer the present one it changes nothing.
 */
import type { Runtime } from '../../interfaces/runtime';
import type { CircuitOptions } from './circuit-options';
import { SlidingWindow } from './sliding-window';

interface ClosedState {
  readonly kind: 'CLOSED';
}
interface OpenState {
  readonly kind: 'OPEN';
  readonly failures: number;
  /** The cooldown before jitter: what the next one doubles. */
  readonly cooldownMs: number;
  /** Monotonic. */
  readonly until: number;
}
interface HalfOpenState {
  readonly kind: 'HALF_OPEN';
  readonly failures: number;
  readonly cooldownMs: number;
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
  readonly cause: 'failures' | 'tripped' | 'cooldown_over' | 'probe_failed' | 'probes_succeeded' | 'held' | 'released';
}

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
      const { failures, cooldownMs } = state;
      this.move({ kind: 'HALF_OPEN', failures, cooldownMs, inFlight: 0, successes: 0 }, 'cooldown_over');
    }
    return this.state;
  }

  permits(): number {
    const state = this.look();
    if (state.kind === 'CLOSED') return Infinity;
    if (state.kind === 'OPEN') return 0;
    const earned = Math.min(2 ** state.successes, this.options.probesToClose - state.successes);
    return Math.max(0, earned - state.inFlight);
  }

  /** A call starts. Only while there are permits. Returns the state that its end belongs to. */
  start(): CircuitState {
    const state = this.look();
    if (state.kind === 'HALF_OPEN') state.inFlight += 1;
    return state;
  }

  end(startedIn: CircuitState, end: CallEnd): void {
    const state = this.look();
    if (state !== startedIn) return;
    if (state.kind === 'CLOSED') this.endOfCall(end);
    else if (state.kind === 'HALF_OPEN') this.endOfProbe(state, end);
  }

  trip(): void {
    const state = this.look();
    if (state.kind === 'CLOSED') this.open('tripped', Math.max(1, this.failures()), this.options.cooldownMs);
    else if (state.kind === 'HALF_OPEN') this.reopen(state, 'tripped');
  }

  /** Closed: the failures in the window. Otherwise: those that opened it and the failed probes since. */
  failures(): number {
    const state = this.look();
    return state.kind === 'CLOSED' ? this.window.counts(this.runtime.monotonic()).failures : state.failures;
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
    if (isFailing) this.open('failures', failures, this.options.cooldownMs);
  }

  private endOfProbe(state: HalfOpenState, end: CallEnd): void {
    state.inFlight -= 1;
    if (end === 'failed') return this.reopen(state, 'probe_failed');
    if (end === 'cancelled') return;
    state.successes += 1;
    if (state.successes < this.options.probesToClose) return;
    this.window.clear();
    this.move({ kind: 'CLOSED' }, 'probes_succeeded');
  }

  private reopen(state: HalfOpenState, cause: 'probe_failed' | 'tripped'): void {
    this.open(cause, state.failures + 1, Math.min(state.cooldownMs * 2, this.options.maxCooldownMs));
  }

  private open(cause: CircuitChange['cause'], failures: number, cooldownMs: number): void {
    const shortenedMs = cooldownMs * (1 - this.options.jitter * this.runtime.random());
    this.move({ kind: 'OPEN', failures, cooldownMs, until: this.runtime.monotonic() + shortenedMs }, cause);
  }

  private move(to: CircuitState, cause: CircuitChange['cause']): void {
    const from = this.state.kind;
    this.state = to;
    this.announce({ from, to: to.kind, cause });
  }
}
