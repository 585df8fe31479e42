/**
 * A circuit breaker per upstream (M. Nygard, "Release It!"). Kept invariant: in OPEN, paused or held no call starts; in HALF_OPEN no more
 * probes are in flight than have been earned, one before the first success; a ticket speaks only about the state it was given out in.
 * A trial is the exception to the first: one call at a time, when the caller knows that what is against the upstream is thin.
 */
import type { Runtime } from '../../interfaces/runtime';
import {
  type CallEnd,
  type CircuitChange,
  CircuitMachine,
  type CircuitOptions,
  circuitOptions,
  type CircuitStateName,
} from './circuit-machine';

/** The right to one call. Only the first of the three counts, so that `finally { ticket.cancelled() }` is always safe. */
export interface CircuitTicket {
  succeeded(): void;
  failed(): void;
  /** The call did not take place, or its end says nothing about the upstream: gives a probe's place back. */
  cancelled(): void;
}

/** As shown to operators; times are epoch milliseconds. */
export interface CircuitSnapshot {
  readonly state: CircuitStateName;
  readonly failures: number;
  readonly lastFailure: number | null;
  readonly sinceLastFailure: number | null;
  /** Null when calls may start now, when a probe's end decides, and when only a person can end it. */
  readonly retryAt: number | null;
}

/** Decides whether calls to one upstream may start now. Sets no timers: it looks at the clock when it is asked. */
export class Circuit {
  private readonly machine: CircuitMachine;
  private readonly listeners = new Set<(change: CircuitChange) => void>();
  private readonly cooldownMs: number;
  private pausedAt = -Infinity;
  private pausedUntil = -Infinity;
  private isTrying = false;
  private isHeld = false;
  private lastFailure: { readonly wall: number; readonly monotonic: number } | null = null;

  /** Throws RangeError when an option makes no sense. */
  constructor(
    private readonly runtime: Pick<Runtime, 'now' | 'monotonic' | 'random'>,
    options: Partial<CircuitOptions> = {},
  ) {
    const complete = circuitOptions(options);
    this.cooldownMs = complete.cooldownMs;
    this.machine = new CircuitMachine(runtime, complete, (change) => this.announce(change));
  }

  get state(): CircuitStateName {
    return this.machine.look().kind;
  }

  /** How many calls may start now: Infinity when closed; 0 when open, paused or held; the free places of probes when half-open. */
  permits(): number {
    const permits = this.machine.permits();
    return this.isHeld || this.isPaused ? 0 : permits;
  }

  /** Whether Retry-After is being obeyed. */
  get isPaused(): boolean {
    return this.pausedUntil > this.runtime.monotonic();
  }

  /**
   * The monotonic time from which one call may be tried while others may not start: at once where the circuit is open, after
   * the first cooldown of a pause. Null where no trial is needed, and while there is one or a hold.
   */
  trialAt(): number | null {
    const { kind } = this.machine.look();
    if (this.isHeld || this.isTrying) return null;
    if (!this.isPaused) return kind === 'OPEN' ? this.runtime.monotonic() : null;
    return kind === 'HALF_OPEN' && this.machine.permits() === 0 ? null : this.pausedAt + this.cooldownMs;
  }

  /** The right to start one call now, or null. Whoever takes it must settle it, or a probe's place stays taken. */
  acquire(): CircuitTicket | null {
    return this.permits() === 0 ? null : this.startCall(() => undefined);
  }

  /**
   * The right to the one trial, or null. Its success closes an open circuit and ends a pause at once: what was against the
   * upstream has proved to be something else.
   */
  acquireTrial(): CircuitTicket | null {
    const trialAt = this.trialAt();
    if (trialAt === null || trialAt > this.runtime.monotonic()) return null;
    this.isTrying = true;
    const { pausedUntil } = this;
    return this.startCall((end) => {
      this.isTrying = false;
      if (end === 'succeeded' && this.pausedUntil === pausedUntil) this.pausedUntil = -Infinity;
    });
  }

  private startCall(onEnd: (end: CallEnd) => void): CircuitTicket {
    const startedIn = this.machine.start();
    let isSettled = false;
    const settle = (end: CallEnd): void => {
      if (isSettled) return;
      isSettled = true;
      if (end === 'failed') this.noteFailure();
      onEnd(end);
      this.machine.end(startedIn, end);
    };
    return {
      succeeded: () => settle('succeeded'),
      failed: () => settle('failed'),
      cancelled: () => settle('cancelled'),
    };
  }

  /** Opens at once, whatever the window says, at one answer: `refused` (401, 403) or `gone` (410). */
  trip(reason: 'refused' | 'gone' = 'refused'): void {
    this.noteFailure();
    this.machine.trip(reason);
  }

  /** No call starts for `ms` from now (Retry-After). Counts as no failure; the longest pause asked for wins. */
  pauseFor(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`A pause is a finite number of milliseconds, not ${ms}.`);
    const now = this.runtime.monotonic();
    if (!this.isPaused) this.pausedAt = now;
    this.pausedUntil = Math.max(this.pausedUntil, now + ms);
  }

  /** No call starts until `release`. It shows as OPEN, while the state goes on underneath. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.announceHold('held');
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.announceHold('released');
    // The hold has taken over what the 410 had opened.
    this.machine.forgive(['gone']);
  }

  /** Somebody knows that the upstream takes calls again: ends a hold, and what one refusal or 410 has opened. */
  resume(): void {
    this.release();
    this.machine.forgive(['refused', 'gone']);
  }

  /** Another process has had calls pass: closes what one refusal or 410 has opened. */
  acquit(): void {
    this.machine.forgive(['refused', 'gone'], 'passed_elsewhere');
  }

  /** `listener` is told of every change once, right after it. Returns what ends the subscription. */
  onChange(listener: (change: CircuitChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The monotonic time at which permits next rise by time alone; null when they stand, or only a call's end or a person raises them. */
  nextChangeAt(): number | null {
    const state = this.machine.look();
    if (this.isHeld) return null;
    const until = Math.max(this.pausedUntil, state.kind === 'OPEN' ? state.until : -Infinity);
    return until > this.runtime.monotonic() ? until : null;
  }

  snapshot(): CircuitSnapshot {
    const { lastFailure } = this;
    const nextChangeAt = this.nextChangeAt();
    const monotonic = this.runtime.monotonic();
    return {
      // Whoever looks is told what calls meet; the state goes on underneath.
      state: this.isHeld ? 'OPEN' : this.state,
      failures: this.machine.failures(),
      lastFailure: lastFailure === null ? null : lastFailure.wall,
      sinceLastFailure: lastFailure === null ? null : Math.round(monotonic - lastFailure.monotonic),
      retryAt: nextChangeAt === null ? null : Math.round(this.runtime.now() + nextChangeAt - monotonic),
    };
  }

  private noteFailure(): void {
    this.lastFailure = { wall: this.runtime.now(), monotonic: this.runtime.monotonic() };
  }

  private announceHold(cause: 'held' | 'released'): void {
    const state = this.machine.look().kind;
    this.announce({ from: state, to: state, cause });
  }

  private announce(change: CircuitChange): void {
    for (const listener of this.listeners) listener(change);
  }
}
