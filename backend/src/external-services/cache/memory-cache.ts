/** Kept invariant: never more than `maxEntries` values, and never one that has outlived its time. */
import NodeCache from 'node-cache';

import type { Cache } from '../../interfaces/cache';

const CHECK_EVERY_SECONDS = 120;

/**
 * The cache of one process: node-cache, used so that none of its sharp edges is met. Keys get a prefix, since it looks them up in a plain
 * object (`constructor` would be a hit); values are not cloned; its own limit would throw, so the one here evicts what was unused for
 * longest; a time to live of 0, which it takes for ever, is refused.
 */
export class MemoryCache implements Cache {
  private readonly engine = new NodeCache({ useClones: false, checkperiod: CHECK_EVERY_SECONDS, deleteOnExpire: true });
  /** The keys from the one unused for longest to the one used last. */
  private readonly order = new Set<string>();

  constructor(private readonly maxEntries: number) {
    if (!(maxEntries >= 1)) throw new RangeError(`A cache holds at least 1 entry, not ${maxEntries}.`);
    this.engine.on('del', (key: string) => this.order.delete(key));
  }

  get size(): number {
    return this.order.size;
  }

  async get(key: string): Promise<unknown> {
    const prefixed = `k:${key}`;
    const value = this.engine.get<unknown>(prefixed);
    if (value !== undefined) this.touch(prefixed);
    return value;
  }

  async set(key: string, value: unknown, ttlMs: number): Promise<void> {
    if (!(ttlMs > 0)) throw new RangeError(`A value is kept for more than 0 ms, not ${ttlMs}.`);
    const prefixed = `k:${key}`;
    this.touch(prefixed);
    for (const oldest of this.order) {
      if (this.order.size <= this.maxEntries) break;
      this.engine.del(oldest);
    }
    this.engine.set(prefixed, value, ttlMs / 1000);
  }

  async delete(key: string): Promise<void> {
    this.engine.del(`k:${key}`);
  }

  /** Drops everything and ends the engine's timer. */
  async close(): Promise<void> {
    this.engine.flushAll();
    this.engine.close();
    this.order.clear();
  }

  private touch(prefixed: string): void {
    this.order.delete(prefixed);
    this.order.add(prefixed);
  }
}
