/**
 * A circuit breaker per upstream (M. Nygard, "Release It!"). Kept invariant: in OPEN, paused or held no call starts; in HALF_OPEN no more
 * probes are in flight than have been earned, one before the first success; a ticket speaks only about the state it was given out in.
 */
import type { Runtime } from '../../interfaces/runtime';
import { type CallEnd, type CircuitChange, CircuitMachine, type CircuitStateName } from './circuit-machine';
import { type CircuitOptions, circuitOptions } from './circuit-options';

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
  private pausedUntil = -Infinity;
  private holdReason: string | null = null;
  private lastFailure: { readonly wall: number; readonly monotonic: number } | null = null;

  /** Throws RangeError when an option makes no sense. */
  constructor(
    private readonly runtime: Pick<Runtime, 'now' | 'monotonic' | 'random'>,
    options: Partial<CircuitOptions> = {},
  ) {
    this.machine = new CircuitMachine(runtime, circuitOptions(options), (change) => this.announce(change));
  }

  get state(): CircuitStateName {
    return this.machine.look().kind;
  }

  /** Why it is held, or null. */
  get heldFor(): string | null {
    return this.holdReason;
  }

  /** How many calls may start now: Infinity when closed; 0 when open, paused or held; the free places of probes when half-open. */
  permits(): number {
    const permits = this.machine.permits();
    return this.holdReason !== null || this.pausedUntil > this.runtime.monotonic() ? 0 : permits;
  }

  /** The right to start one call now, or null. Whoever takes it must settle it, or a probe's place stays taken. */
  acquire(): CircuitTicket | null {
    if (this.permits() === 0) return null;
    const startedIn = this.machine.start();
    let isSettled = false;
    const settle = (end: CallEnd): void => {
      if (isSettled) return;
      isSettled = true;
      if (end === 'failed') this.noteFailure();
      this.machine.end(startedIn, end);
    };
    return {
      succeeded: () => settle('succeeded'),
      failed: () => settle('failed'),
      cancelled: () => settle('cancelled'),
    };
  }

  /** Opens at once, whatever the window says: one answer (401, say) was enough to know that the next calls would fail too. */
  trip(): void {
    this.noteFailure();
    this.machine.trip();
  }

  /** No call starts for `ms` from now (Retry-After). Counts as no failure; the longest pause asked for wins. */
  pauseFor(ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`A pause is a finite number of milliseconds, not ${ms}.`);
    this.pausedUntil = Math.max(this.pausedUntil, this.runtime.monotonic() + ms);
  }

  /** No call starts until `release`; it shows as OPEN, while the state goes on underneath. Holding again only changes the reason. */
  hold(reason: string): void {
    const isNew = this.holdReason === null;
    this.holdReason = reason;
    if (isNew) this.announceHold('held');
  }

  release(): void {
    if (this.holdReason === null) return;
    this.holdReason = null;
    this.announceHold('released');
  }

  /** `listener` is told of every change once, right after it. Returns what ends the subscription. */
  onChange(listener: (change: CircuitChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The monotonic time at which permits next rise by time alone; null when they stand, or only a call's end or a person raises them. */
  nextChangeAt(): number | null {
    const state = this.machine.look();
    if (this.holdReason !== null) return null;
    const until = Math.max(this.pausedUntil, state.kind === 'OPEN' ? state.until : -Infinity);
    return until > this.runtime.monotonic() ? until : null;
  }

  snapshot(): CircuitSnapshot {
    const { lastFailure } = this;
    const nextChangeAt = this.nextChangeAt();
    const monotonic = this.runtime.monotonic();
    return {
      // Whoever looks is told what calls meet; the state goes on underneath.
      state: this.holdReason === null ? this.state : 'OPEN',
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
