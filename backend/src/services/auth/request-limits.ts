import type { Runtime } from '../../interfaces/runtime';
import { Gcra } from '../resilience/gcra';

export interface RequestLimitsOptions {
  /**
   * At most this many requests at once after a quiet minute; the quota refills evenly over a
   * minute.
   */
  readonly perMinute: number;
  /** At most this many requests of one key may be open at a time. */
  readonly openMax: number;
  /** At most this many keys are remembered. */
  readonly keysMax?: number;
}

/** The requests of one client or address. */
export class RequestLimit {
  private open = 0;

  constructor(
    private readonly rate: Gcra,
    private readonly openMax: number,
  ) {}

  /**
   * Takes one request and returns 0, or takes nothing and returns the seconds until there is room.
   */
  take(): number {
    return Math.ceil(this.rate.tryTake() / 1000);
  }

  /** Counts a request as open; false when too many are. */
  begin(): boolean {
    if (this.open >= this.openMax) return false;
    this.open += 1;
    return true;
  }

  readonly end = (): void => {
    this.open -= 1;
  };

  remaining(): number {
    return this.rate.remaining();
  }

  /** Seconds until the whole quota is available again. */
  fullAfterSeconds(): number {
    return Math.ceil(this.rate.fullAfterMs() / 1000);
  }
}

/**
 * The limits of each client and each address. Bounded: when it is full, the key seen first is
 * forgotten. Client ids are fewer than the bound, so only addresses are forgotten: an attacker with
 * ten thousand addresses escapes the limit for each.
 */
export class RequestLimits {
  private readonly limits = new Map<string, RequestLimit>();
  private readonly keysMax: number;

  constructor(
    private readonly runtime: Runtime,
    private readonly options: RequestLimitsOptions,
  ) {
    this.keysMax = options.keysMax ?? 20_000;
  }

  of(key: string): RequestLimit {
    const known = this.limits.get(key);
    if (known !== undefined) return known;
    const { perMinute, openMax } = this.options;
    const rate = new Gcra(this.runtime, { ratePerSecond: perMinute / 60, burst: perMinute });
    const limit = new RequestLimit(rate, openMax);
    const [first] = this.limits.keys();
    if (this.limits.size >= this.keysMax && first !== undefined) this.limits.delete(first);
    this.limits.set(key, limit);
    return limit;
  }
}
