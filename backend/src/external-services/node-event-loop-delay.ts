import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { EventLoopDelay } from '../interfaces/event-loop-delay';
import type { Runtime } from '../interfaces/runtime';

const RESOLUTION_MS = 20;
const WINDOW_MS = 1_000;

/** Node's own measure: a timer of 20 ms, and how late it comes. */
export class NodeEventLoopDelay implements EventLoopDelay {
  p99Ms = 0;
  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private cancel: () => void = () => undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly windowMs = WINDOW_MS,
  ) {}

  start(onWindow: (p99Ms: number) => void): void {
    this.histogram.enable();
    const end = () => {
      // The histogram holds the whole time between two ticks, of which the resolution is no delay.
      const p99Ms = this.histogram.count === 0 ? this.windowMs : this.histogram.percentile(99) / 1e6 - RESOLUTION_MS;
      this.histogram.reset();
      this.p99Ms = Math.max(0, p99Ms);
      onWindow(this.p99Ms);
      this.cancel = this.runtime.after(this.windowMs, end);
    };
    this.cancel = this.runtime.after(this.windowMs, end);
  }

  stop(): void {
    this.cancel();
    this.histogram.disable();
  }
}
