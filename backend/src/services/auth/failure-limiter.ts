import type { Runtime } from '../../interfaces/runtime';

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;

/**
 * Counts failed authentications for each (client, address). After ten within a minute the next is
 * refused untried, until the oldest of the ten is a minute old. When it is full, it forgets the
 * pair that failed longest ago. To force that, an address must fail `pairsMax` times within a
 * minute, which the limit on requests for each address does not allow.
 */
export class FailureLimiter {
  /**
   * The times of failure of each pair, oldest first; the pairs in the order of their last failure.
   */
  private readonly failures = new Map<string, readonly number[]>();

  constructor(
    private readonly runtime: Runtime,
    private readonly pairsMax = 10_000,
  ) {}

  /** Seconds until the pair may try again; null when it may now. */
  retryAfterSeconds(clientId: string, address: string): number | null {
    const recent = this.recentFailures(keyOf(clientId, address));
    const oldest = recent.at(-FAILURES_MAX);
    if (oldest === undefined) return null;
    return Math.max(1, Math.ceil((oldest + WINDOW_MS - this.runtime.monotonic()) / 1000));
  }

  record(clientId: string, address: string): void {
    const key = keyOf(clientId, address);
    const recent = [...this.recentFailures(key), this.runtime.monotonic()].slice(-FAILURES_MAX);
    this.failures.delete(key);
    this.failures.set(key, recent);
    if (this.failures.size <= this.pairsMax) return;
    const [longestAgo] = this.failures.keys();
    if (longestAgo !== undefined) this.failures.delete(longestAgo);
  }

  private recentFailures(key: string): readonly number[] {
    const since = this.runtime.monotonic() - WINDOW_MS;
    return (this.failures.get(key) ?? []).filter((at) => at > since);
  }
}

/** Neither part can hold the separator: an address has no space. */
function keyOf(clientId: string, address: string): string {
  return `${address} ${clientId}`;
}
