/**
 * Kept invariant: whenever a retry is granted, the retries of the 10 s that end there are at most ratio × the first tries of the same 10 s
 * plus the floor. So retries cannot multiply the load on an upstream that is failing already (Google, "Site Reliability Engineering",
 * chapter 21; Finagle's RetryBudget).
 */
import type { Runtime } from '../../interfaces/runtime';

const windowSeconds = 10;
const sliceMs = 250;
const slices = (windowSeconds * 1000) / sliceMs;

export interface RetryBudgetOptions {
  /** Retries per first try, for example 0.2. */
  readonly ratio: number;
  /** So many retries a second are granted even without first tries, so that a quiet client can retry too. */
  readonly floorPerSecond: number;
}

/** Counts in slices of 250 ms. The oldest one, partly outside the window, counts for the retries and not for the first tries. */
export class RetryBudget {
  private readonly calls = new Uint32Array(slices + 1);
  private readonly retries = new Uint32Array(slices + 1);
  private newestSlice: number;

  constructor(
    private readonly runtime: Pick<Runtime, 'monotonic'>,
    private readonly options: RetryBudgetOptions,
  ) {
    const { ratio, floorPerSecond } = options;
    if (!(ratio >= 0 && floorPerSecond >= 0)) throw new RangeError('ratio and floorPerSecond are numbers from 0.');
    this.newestSlice = this.sliceNow();
  }

  /** A first try starts. */
  recordCall(): void {
    const slot = this.slotNow();
    this.calls[slot] = (this.calls[slot] ?? 0) + 1;
  }

  /** Whether n retries may start now; if so they are spent. Never a part of them. */
  trySpend(n = 1): boolean {
    const slot = this.slotNow();
    if (sum(this.retries) + n > this.granted(slot)) return false;
    this.retries[slot] = (this.retries[slot] ?? 0) + n;
    return true;
  }

  /** How many retries a second it grants as things are now. */
  grantedPerSecond(): number {
    return this.granted(this.slotNow()) / windowSeconds;
  }

  /** For the window that ends in this slot. */
  private granted(slot: number): number {
    const oldestSlot = (slot + 1) % (slices + 1);
    const wholeCalls = sum(this.calls) - (this.calls[oldestSlot] ?? 0);
    return this.options.ratio * wholeCalls + this.options.floorPerSecond * windowSeconds;
  }

  private sliceNow(): number {
    return Math.floor(this.runtime.monotonic() / sliceMs);
  }

  /** The place of the present slice, after clearing those that have left the window. */
  private slotNow(): number {
    const present = this.sliceNow();
    const first = Math.max(this.newestSlice + 1, present - slices);
    for (let slice = first; slice <= present; slice += 1) {
      this.calls[slice % (slices + 1)] = 0;
      this.retries[slice % (slices + 1)] = 0;
    }
    this.newestSlice = present;
    return present % (slices + 1);
  }
}

function sum(counts: Uint32Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
