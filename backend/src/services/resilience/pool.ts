/** Kept invariant: at most `size` pieces of work run at once; those who wait are let in by order of arrival, and a slot is never lost. */
import { AppError } from '../../errors';
import { onAbort } from './on-abort';

export interface PoolOptions {
  readonly size: number;
  /** Beyond so many in the line `run` refuses with `overloaded`. */
  readonly maxWaiting: number;
}

/** A limit on concurrency with a bounded first-come-first-served line. */
export class Pool {
  private active = 0;
  /** Whoever waits, oldest first; called to let them in. A Set, since one who gives up may stand anywhere in it. */
  private readonly line = new Set<() => void>();

  constructor(private readonly options: PoolOptions) {
    if (!(options.size >= 1)) throw new RangeError(`A pool has a size of at least 1, not ${options.size}.`);
  }

  /** How many slots are free now; with somebody in the line it is 0. */
  get idle(): number {
    return this.options.size - this.active;
  }

  get waiting(): number {
    return this.line.size;
  }

  /**
   * Runs `work` in a slot: at once where one is free, else when its turn comes. Settles as `work` does. Rejects with the signal's reason if
   * it aborts before the work began (work that has begun has to watch the signal itself), with AppError `overloaded` when the line is full.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.active < this.options.size) this.active += 1;
    else await this.waitInLine(signal);
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      this.leave();
    }
  }

  private waitInLine(signal: AbortSignal | undefined): Promise<void> {
    if (this.line.size >= this.options.maxWaiting) {
      const detail = `${this.line.size} are waiting for a free place already, the most allowed; try again shortly.`;
      return Promise.reject(new AppError('overloaded', detail, { retryAfterSeconds: 1 }));
    }
    return new Promise((resolve, reject) => {
      const letIn = (): void => {
        stopListening();
        resolve();
      };
      const giveUp = (): void => {
        this.line.delete(letIn);
        reject(signal?.reason as Error);
      };
      this.line.add(letIn);
      const stopListening = onAbort(signal, giveUp);
    });
  }

  /** The slot goes straight to the next in line, so that nobody who comes just now can overtake. */
  private leave(): void {
    for (const letIn of this.line) {
      this.line.delete(letIn);
      return letIn();
    }
    this.active -= 1;
  }
}
