/** The last calls, at most `maxCalls` of them and none older than `maxAgeMs`. Memory is fixed; each call costs O(1). */
export class SlidingWindow {
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
