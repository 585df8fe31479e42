/** How late the event loop is, window after window. */
export interface EventLoopDelay {
  /** Of the last window that ended, milliseconds. */
  readonly p99Ms: number;
  /** Calls `onWindow` at the end of each window, with its 99th percentile in milliseconds. */
  start(onWindow: (p99Ms: number) => void): void;
  stop(): void;
}
