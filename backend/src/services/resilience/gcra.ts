/**
 * The Generic Cell Rate Algorithm in its virtual scheduling form (ATM Forum, Traffic Management Specification; ITU-T I.371):
 * one number, the theoretical arrival time, is the whole state. Kept invariant: in any window of t seconds at most
 * ratePerSecond × t + burst are let through, to the microsecond.
 */
import type { Runtime } from '../../interfaces/runtime';
import { Pool } from './pool';

/** Arrival times are sums of fractions: less than a microsecond is no reason to wait for a timer. */
const roundingMs = 0.001;

export interface GcraOptions {
  readonly ratePerSecond: number;
  /** How many may pass at once after a quiet time. Left out: what passes in 50 ms, which makes up for late timers. */
  readonly burst?: number;
  /** So many may wait in `take`. */
  readonly maxWaiting?: number;
}

export class Gcra {
  private readonly intervalMs: number;
  private readonly burst: number;
  private readonly line: Pool;
  /** When the next would arrive if all came evenly; monotonic. */
  private theoreticalArrival = -Infinity;

  constructor(
    private readonly runtime: Pick<Runtime, 'monotonic' | 'sleep'>,
    { ratePerSecond, burst = Math.max(1, Math.ceil(ratePerSecond / 20)), maxWaiting = 10_000 }: GcraOptions,
  ) {
    if (!(ratePerSecond > 0 && ratePerSecond < Infinity)) {
      throw new RangeError(`A rate is a number above 0 per second, not ${ratePerSecond}.`);
    }
    if (!(burst >= 1)) throw new RangeError(`A burst is at least 1, not ${burst}.`);
    this.intervalMs = 1000 / ratePerSecond;
    this.burst = burst;
    this.line = new Pool({ size: 1, maxWaiting });
  }

  /** Takes n and returns 0, or takes nothing and returns after how many whole milliseconds it is worth asking again. */
  tryTake(n = 1): number {
    if (!(n <= this.burst)) throw new RangeError(`At most the burst of ${this.burst} can be taken at once, not ${n}.`);
    const now = this.runtime.monotonic();
    const arrival = Math.max(now, this.theoreticalArrival) + n * this.intervalMs;
    const waitMs = arrival - this.burst * this.intervalMs - now;
    if (waitMs > roundingMs) return Math.ceil(waitMs - roundingMs);
    this.theoreticalArrival = arrival;
    return 0;
  }

  /** How many `tryTake` would let through at once now. */
  remaining(): number {
    return Math.max(0, Math.floor(this.burst - this.fullAfterMs() / this.intervalMs + roundingMs));
  }

  /** After how many milliseconds without a take the whole burst is there again. */
  fullAfterMs(): number {
    return Math.max(0, this.theoreticalArrival - this.runtime.monotonic());
  }

  /** After how many whole milliseconds half a burst, at least one, will be there: often enough for whoever asks again and again. */
  waitMs(): number {
    const now = this.runtime.monotonic();
    const n = Math.max(1, Math.floor(this.burst / 2));
    const ready = this.theoreticalArrival + (n - this.burst) * this.intervalMs;
    return Math.max(0, Math.ceil(ready - now - roundingMs));
  }

  /** Resolves when it is the caller's turn, first come first served. Rejects with the signal's reason, and then has taken nothing. */
  async take(signal?: AbortSignal): Promise<void> {
    await this.line.run(async () => {
      for (let waitMs = this.tryTake(); waitMs > 0; waitMs = this.tryTake()) {
        await this.runtime.sleep(waitMs, signal);
        signal?.throwIfAborted();
      }
    }, signal);
  }
}
