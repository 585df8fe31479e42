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
  /** Walks `order` once: a walk from the start would pass the places of all that was evicted, each time. */
  private oldest = this.order.values();

  constructor(private readonly maxEntries: number) {
    if (!(maxEntries >= 1)) throw new RangeError(`A cache holds at least 1 entry, not ${maxEntries}.`);
    this.engine.on('del', (key: string) => this.order.delete(key));
  }

  get size(): number {
    return this.order.size;
  }

  async get(key: string): Promise<unknown> {
    const prefixed = `k:${key}`;
    // The engine would make a property name of every key that it is asked for.
    if (!this.order.has(prefixed)) return undefined;
    const value = this.engine.get<unknown>(prefixed);
    if (value !== undefined) this.touch(prefixed);
    return value;
  }

  async set(key: string, value: unknown, ttlMs: number): Promise<void> {
    if (!(ttlMs > 0)) throw new RangeError(`A value is kept for more than 0 ms, not ${ttlMs}.`);
    const prefixed = `k:${key}`;
    this.touch(prefixed);
    while (this.order.size > this.maxEntries) this.engine.del(this.nextOldest());
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

  /** A set's walk goes on to what is added meanwhile, and so only an emptied cache ends it. */
  private nextOldest(): string {
    const { value, done } = this.oldest.next();
    if (done !== true) return value;
    this.oldest = this.order.values();
    return this.oldest.next().value ?? '';
  }

  private touch(prefixed: string): void {
    this.order.delete(prefixed);
    this.order.add(prefixed);
  }
}
