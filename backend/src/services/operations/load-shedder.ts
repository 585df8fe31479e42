import type { Log } from '../../interfaces/log';

/** So long may the event loop be late, at the 99th percentile of a window. */
const DELAY_MAX_MS = 200;
/** A late window is a hiccup (a collection of garbage, a large batch, a start on a crowded machine); three in a row are too much work. */
const LATE_WINDOWS = 3;

/** Decides when new work is refused, before the work that is here suffers. Ends with the first window that is in time. */
export class LoadShedder {
  private lateWindows = 0;

  constructor(private readonly log: Log) {}

  get isShedding(): boolean {
    return this.lateWindows >= LATE_WINDOWS;
  }

  /** Takes the delay of the window that has just ended. */
  sample(p99Ms: number): void {
    const wasShedding = this.isShedding;
    this.lateWindows = p99Ms > DELAY_MAX_MS ? this.lateWindows + 1 : 0;
    if (this.isShedding !== wasShedding) {
      this.log.warn({ eventLoopDelayMs: Math.round(p99Ms) }, this.isShedding ? 'load.shedding' : 'load.normal');
    }
  }
}
