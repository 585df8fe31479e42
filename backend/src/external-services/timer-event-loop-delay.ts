import type { EventLoopDelay } from '../interfaces/event-loop-delay';
import type { Runtime } from '../interfaces/runtime';

const TICK_MS = 20;
const WINDOW_MS = 1_000;

/**
 * How late a timer of 20 ms comes. A window has 50 ticks at most, and of so few the 99th percentile is the latest. Node's own
 * histogram (perf_hooks.monitorEventLoopDelay) forgets at a reset what holds the loop just then.
 */
export class TimerEventLoopDelay implements EventLoopDelay {
  p99Ms = 0;
  private cancel: () => void = () => undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly windowMs = WINDOW_MS,
  ) {}

  start(onWindow: (p99Ms: number) => void): void {
    let due = this.runtime.monotonic();
    let windowEndsAt = due + this.windowMs;
    let latestMs = 0;
    const wait = () => {
      due = this.runtime.monotonic() + TICK_MS;
      this.cancel = this.runtime.after(TICK_MS, tick);
    };
    const tick = () => {
      const now = this.runtime.monotonic();
      latestMs = Math.max(latestMs, now - due);
      wait();
      if (now < windowEndsAt) return;
      this.p99Ms = latestMs;
      windowEndsAt = now + this.windowMs;
      latestMs = 0;
      onWindow(this.p99Ms);
    };
    wait();
  }

  stop(): void {
    this.cancel();
  }
}
