/**
 * How fast a destination may be called. Kept invariant: no more calls than its rate, and no more retries than the budget grants, so that an
 * outage is not multiplied; first tries are never held back by retries.
 */
import type { Destination } from '../../interfaces/destination';
import type { Runtime } from '../../interfaces/runtime';
import type { ClaimedDelivery } from '../../types/delivery';
import { Gcra } from '../resilience/gcra';
import { RetryBudget } from '../resilience/retry-budget';

/** Retries per first try, over the last 10 s. */
const RETRY_RATIO = 0.2;
const POSTPONED_MIN_MS = 1_000;
const POSTPONED_MAX_MS = 600_000;

export class Pace {
  private readonly limiter: Gcra | null;
  private readonly budget: RetryBudget;
  /** When the retry that was postponed last is due; monotonic. */
  private lastPlace = -Infinity;

  constructor(
    private readonly runtime: Pick<Runtime, 'now' | 'monotonic' | 'sleep'>,
    { ratePerSecond, concurrency }: Pick<Destination, 'ratePerSecond' | 'concurrency'>,
  ) {
    this.limiter = ratePerSecond === null ? null : new Gcra(runtime, { ratePerSecond });
    // What may be in flight at once may also be retried in a second; under a limit, retries leave half of it to first tries.
    const floorPerSecond = ratePerSecond === null ? Math.max(10, concurrency) : ratePerSecond / 2;
    this.budget = new RetryBudget(runtime, { ratio: RETRY_RATIO, floorPerSecond });
  }

  /** How many calls the rate lets start now. */
  callsNow(): number {
    return this.limiter?.remaining() ?? Infinity;
  }

  /** When it is worth asking for more. */
  waitMs(): number {
    return this.limiter?.waitMs() ?? Infinity;
  }

  /** Resolves to true when it is this call's turn, to false, and takes nothing, where that would be after `until` (epoch ms) or `cut` aborts. */
  async takeTurn(until: number, cut: AbortSignal): Promise<boolean> {
    if (this.limiter === null) return true;
    for (let waitMs = this.limiter.tryTake(); waitMs > 0; waitMs = this.limiter.tryTake()) {
      if (this.runtime.now() + waitMs > until) return false;
      await this.runtime.sleep(waitMs, cut);
      if (cut.aborted) return false;
    }
    return true;
  }

  /**
   * Milliseconds to postpone this delivery: its place in the line of retries that go at the budget's rate; 0: send it now.
   * `heldMs`: for how long the destination has been held, which its retry clock leaves out.
   */
  postponeMs({ tries, retryUntil }: Pick<ClaimedDelivery, 'tries' | 'retryUntil'>, heldMs: number): number {
    if (tries === 1) {
      this.budget.recordCall();
      return 0;
    }
    // The last try of all is not the budget's to take away.
    const isLast = retryUntil !== null && this.runtime.now() - heldMs >= retryUntil;
    if (this.budget.trySpend() || isLast) return 0;
    const now = this.runtime.monotonic();
    const next = Math.max(now + POSTPONED_MIN_MS, this.lastPlace + 1000 / this.budget.grantedPerSecond());
    this.lastPlace = Math.min(next, now + POSTPONED_MAX_MS);
    return Math.ceil(this.lastPlace - now);
  }
}
