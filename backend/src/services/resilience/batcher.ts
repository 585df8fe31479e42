/**
 * Group commit: what arrives together, and what arrives while a flush is under way, shares the next flush. Kept invariant: one flush at a
 * time, in the order of arrival; each item gets the result at its own place. A lone item waits for one turn of the event loop, no timer.
 */
import { AppError } from '../../errors';
import type { Runtime } from '../../interfaces/runtime';

export interface BatcherOptions<T, R> {
  readonly runtime: Pick<Runtime, 'turn'>;
  /** Must give one result per item, in order. When it throws or rejects, the items of that flush are rejected with it, no others. */
  readonly flush: (items: T[]) => Promise<R[]>;
  /** One flush takes at most this many items. */
  readonly maxItems: number;
  /** Beyond this many waiting items `add` refuses with `overloaded`. Left out: 100 flushes' worth. */
  readonly maxWaiting?: number;
}

interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (reason: unknown) => void;
}

export class Batcher<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private running: Promise<void> | null = null;
  private readonly maxWaiting: number;

  constructor(private readonly options: BatcherOptions<T, R>) {
    this.maxWaiting = options.maxWaiting ?? options.maxItems * 100;
  }

  /** Resolves with the item's result once its flush has ended. Rejects with AppError `overloaded` where too many are waiting. */
  add(item: T): Promise<R> {
    if (this.waiting.length > 0 && this.waiting.length + 1 > this.maxWaiting) {
      const detail = `${this.waiting.length} items are waiting already, the most allowed; send the same request again shortly.`;
      return Promise.reject(new AppError('overloaded', detail, { retryAfterSeconds: 1 }));
    }
    return new Promise<R>((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing waits and no flush is under way, including what is added meanwhile. */
  async idle(): Promise<void> {
    while (this.running !== null) await this.running;
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      // A flush may have blocked the thread: input that reached the sockets meanwhile is read in this turn and joins in.
      await this.options.runtime.turn();
      await this.flushBatch(this.takeBatch());
    }
    this.running = null;
  }

  private takeBatch(): Waiting<T, R>[] {
    const batch = this.waiting;
    this.waiting = batch.splice(this.options.maxItems);
    return batch;
  }

  private async flushBatch(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.options.flush(batch.map((entry) => entry.item));
      if (results.length !== batch.length) {
        throw new Error(`A flush of ${batch.length} items gave ${results.length} results.`);
      }
      batch.forEach((entry, index) => entry.resolve(results[index] as R));
    } catch (reason) {
      for (const entry of batch) entry.reject(reason);
    }
  }
}
