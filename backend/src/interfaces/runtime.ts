/** The only clock, the only dice and the only timers of the service, so that the whole of it runs under simulated ones. */
export interface Runtime {
  /** Wall clock, epoch milliseconds. May jump. For what is stored and shown. */
  now(): number;
  /** Milliseconds that never go back; no meaning but their difference. For durations, rates and timeouts. */
  monotonic(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** A new UUIDv7 (RFC 9562, section 5.7). */
  newId(): string;
  /** Resolves after `ms` (clamped to 0 … 2^31-1), or as soon as `signal` aborts. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `then` after `ms` (clamped as above) unless the returned function is called first. Keeps no process alive. */
  after(ms: number, then: () => void): () => void;
  /** Resolves once the input that has already arrived in this turn of the event loop was handled (setImmediate). */
  turn(): Promise<void>;
}
