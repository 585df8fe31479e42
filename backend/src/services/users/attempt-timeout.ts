/** Kept invariant: the timeout lies between `minMs` and `maxMs`, whatever was observed. */

export interface AttemptTimeoutOptions {
  /** Until enough was observed. */
  readonly firstMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

const keptDurations = 200;
const neededDurations = 50;
/** The 99th percentile is looked up anew after so many observations. */
const lookUpEvery = 10;
const headroom = 1.25;
const timeoutsToDouble = 5;

/**
 * How long one attempt at a source may take: a quarter more than the 99th percentile of its last answers. Answers that were not waited for
 * are not observed, so a source that has become slower as a whole would never be seen again: after every five timeouts in a row the
 * timeout doubles, until an answer comes. It doubles too with each timeout of one question, for the user whose answer takes its time.
 */
export class AttemptTimeout {
  private readonly durations = new Float64Array(keptDurations);
  private observed = 0;
  private timeoutsInARow = 0;
  private usualMs: number;

  constructor(private readonly options: AttemptTimeoutOptions) {
    this.usualMs = options.firstMs;
  }

  /** `timeouts`: how many the same question has met already. */
  currentMs(timeouts = 0): number {
    const doublings = Math.min(timeouts + Math.floor(this.timeoutsInARow / timeoutsToDouble), 16);
    const { minMs, maxMs } = this.options;
    return Math.min(Math.max(this.usualMs, minMs) * 2 ** doublings, maxMs);
  }

  /** An answer came after so long. */
  answered(ms: number): void {
    this.timeoutsInARow = 0;
    this.durations[this.observed % keptDurations] = ms;
    this.observed += 1;
    if (this.observed < neededDurations || this.observed % lookUpEvery !== 0) return;
    const sorted = this.durations.slice(0, Math.min(this.observed, keptDurations)).sort();
    this.usualMs = headroom * (sorted[Math.ceil(0.99 * sorted.length) - 1] ?? 0);
  }

  timedOut(): void {
    this.timeoutsInARow += 1;
  }
}
