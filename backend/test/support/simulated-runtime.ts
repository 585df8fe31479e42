/**
 * A deterministic Runtime: virtual clocks, a seeded generator, and an event loop that moves only when the test says so.
 *
 * Kept invariant: the clock moves only after everything that can happen at the present instant has happened. One round of an
 * instant is, as in Node's loop, the timers that are due, then the turns that were waiting; after each single callback every
 * promise reaction and nextTick is run to the end. Work that leaves the process for real (files, sockets, threads) is waited for
 * only when it is given to `outside`.
 */
import { setMaxListeners } from 'node:events';
import type { Runtime } from '../../src/interfaces/runtime';
import { type SeededRandom, seededRandom } from './seeded-random';
import { type SimulatedTimer, TimerQueue } from './timer-queue';

/** Taken at load, so that a test's fake timers do not stop the simulation. */
const realSetImmediate = setImmediate;
const maxTimerMs = 2 ** 31 - 1;
const dayMs = 86_400_000;

export interface SimulationOptions {
  readonly seed: number;
  /** The wall clock at the beginning, epoch milliseconds. */
  readonly startAt?: number;
  /** How timers of the same millisecond are ordered: as they were set, or at random (from the seed), to find races. */
  readonly ties?: 'fifo' | 'random';
  /** So many callbacks within one instant mean a hot loop. */
  readonly maxStepsPerInstant?: number;
  /**
   * What a callback's consequences are awaited with: `loop` waits for a turn of the real event loop; `microtasks`, many times faster, only
   * for promise reactions, which is enough where nothing leaves the process.
   */
  readonly drain?: 'loop' | 'microtasks';
}

/** Once this resolves, every promise reaction and nextTick that could run has run: the loop drains both before an immediate. */
function drainByLoop(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}

/** A tick asked for by a promise reaction is handled only when no reaction is left. */
function drainByTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

export class SimulatedRuntime implements Runtime {
  private readonly dice: SeededRandom;
  /** Ids and ties have generators of their own, so that one more id does not change what `random` gives. */
  private readonly idDice: SeededRandom;
  private readonly tieDice: SeededRandom | null;
  private readonly timers = new TimerQueue();
  private turns: (() => void)[] = [];
  private readonly outsideWork = new Set<Promise<unknown>>();
  private readonly maxSteps: number;
  private readonly drainMicrotasks: () => Promise<void>;
  private wallOffsetMs: number;
  private elapsedMs = 0;
  private timersSet = 0;
  private liveTimers = 0;
  private isDriving = false;

  constructor(options: SimulationOptions) {
    this.dice = seededRandom(options.seed);
    this.idDice = seededRandom(this.dice.nextUint32());
    const tieDice = seededRandom(this.dice.nextUint32());
    this.tieDice = options.ties === 'random' ? tieDice : null;
    this.wallOffsetMs = options.startAt ?? Date.UTC(2025, 0, 1);
    this.drainMicrotasks = options.drain === 'microtasks' ? drainByTick : drainByLoop;
    this.maxSteps = options.maxStepsPerInstant ?? 1_000_000;
  }

  now(): number {
    return this.wallOffsetMs + this.elapsedMs;
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  random(): number {
    return this.dice.next();
  }

  newId(): string {
    const time = Math.max(0, this.now()).toString(16).padStart(12, '0');
    const bits = [0, 0, 0].map(() => this.idDice.nextUint32().toString(16).padStart(8, '0')).join('');
    const variant = (8 + (this.idDice.nextUint32() & 3)).toString(16);
    const groups = [
      time.slice(0, 8),
      time.slice(8),
      `7${bits.slice(0, 3)}`,
      variant + bits.slice(3, 6),
      bits.slice(6, 18),
    ];
    return groups.join('-');
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.after(ms, wake);
      if (signal === undefined) return;
      // Any number may sleep on one signal; from the eleventh on Node would warn.
      setMaxListeners(Infinity, signal);
      signal.addEventListener('abort', wake);
    });
  }

  /** Delays are rounded up to whole milliseconds, so that both clocks stay whole numbers and no timer is early. */
  after(ms: number, then: () => void): () => void {
    if (Number.isNaN(ms)) throw new RangeError('A delay is a number of milliseconds, not NaN.');
    const delayMs = Math.min(Math.max(Math.ceil(ms), 0), maxTimerMs);
    const timer: SimulatedTimer = {
      dueAt: this.elapsedMs + delayMs,
      tie: this.tieDice?.next() ?? 0,
      sequence: (this.timersSet += 1),
      isCancelled: false,
      then: () => {
        cancel();
        then();
      },
    };
    const cancel = (): void => {
      if (timer.isCancelled) return;
      timer.isCancelled = true;
      this.liveTimers -= 1;
    };
    this.timers.push(timer);
    this.liveTimers += 1;
    return cancel;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.turns.push(resolve));
  }

  /** Timers that are set and neither fired nor cancelled. */
  get pendingTimers(): number {
    return this.liveTimers;
  }

  /** The wall clock jumps, forward or back; durations and timers do not notice. */
  jumpWallClock(ms: number): void {
    this.wallOffsetMs += ms;
  }

  /** The process stands still for so long (SIGSTOP, a long collection): both clocks go on, what fell due fires late. */
  stall(ms: number): void {
    this.elapsedMs += ms;
  }

  /** Real work of another thread or the kernel: simulated time stands still until `work` has settled. Returns `work`. */
  outside<T>(work: Promise<T>): Promise<T> {
    this.outsideWork.add(work);
    const forget = (): boolean => this.outsideWork.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** Lets `ms` pass, with all that falls due meanwhile, each thing at its own time. `advance(0)` finishes the present instant. */
  async advance(ms: number): Promise<void> {
    const target = this.elapsedMs + Math.ceil(ms);
    await this.drive(target, () => false);
    this.elapsedMs = Math.max(this.elapsedMs, target);
  }

  /** Lets time pass until no timer is left. Throws if that takes more than `limitMs`, as with a timer that sets itself anew. */
  async runUntilIdle(limitMs = 7 * dayMs): Promise<void> {
    await this.drive(this.elapsedMs + limitMs, () => false);
    if (this.liveTimers > 0) {
      throw new Error(`${this.liveTimers} timers are still set after ${limitMs} ms of simulated time.`);
    }
  }

  /** Lets time pass until `promise` settles, and gives what it gave. Throws if nothing is left that could settle it. */
  async until<T>(promise: Promise<T>, limitMs = 7 * dayMs): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await this.drive(this.elapsedMs + limitMs, () => isSettled);
    if (!isSettled)
      throw new Error(`The promise has not settled after ${limitMs} ms, or no timer was left to settle it.`);
    return promise;
  }

  private async drive(target: number, isDone: () => boolean): Promise<void> {
    if (this.isDriving) throw new Error('The simulation is being driven already: await the earlier call first.');
    this.isDriving = true;
    try {
      for (;;) {
        await this.finishInstant();
        const next = this.timers.peek();
        if (isDone() || next === undefined || next.dueAt > target) return;
        this.elapsedMs = Math.max(this.elapsedMs, next.dueAt);
      }
    } finally {
      this.isDriving = false;
    }
  }

  private async finishInstant(): Promise<void> {
    let steps = 0;
    await this.drain();
    for (;;) {
      const timers = this.timers.takeDue(this.elapsedMs);
      for (const timer of timers) {
        if (timer.isCancelled) continue;
        timer.then();
        await this.drain();
      }
      const turns = this.turns;
      this.turns = [];
      for (const turn of turns) {
        turn();
        await this.drain();
      }
      steps += timers.length + turns.length;
      if (timers.length + turns.length === 0) return;
      if (steps > this.maxSteps) throw new Error(`Hot loop: over ${this.maxSteps} callbacks at ${this.elapsedMs} ms.`);
    }
  }

  private async drain(): Promise<void> {
    await this.drainMicrotasks();
    while (this.outsideWork.size > 0) {
      await Promise.allSettled(this.outsideWork);
      await this.drainMicrotasks();
    }
  }
}
