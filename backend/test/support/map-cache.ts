import type { Cache } from '../../src/interfaces/cache';
import type { Runtime } from '../../src/interfaces/runtime';

/** A cache on the clock of the runtime, without a bound; `ttls` holds the time to live that each key was last given. */
export class MapCache implements Cache {
  readonly ttls = new Map<string, number>();
  private readonly entries = new Map<string, { readonly value: unknown; readonly until: number }>();

  constructor(private readonly runtime: Pick<Runtime, 'monotonic'>) {}

  async get(key: string): Promise<unknown> {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.until >= this.runtime.monotonic() ? entry.value : undefined;
  }

  async set(key: string, value: unknown, ttlMs: number): Promise<void> {
    this.ttls.set(key, ttlMs);
    this.entries.set(key, { value, until: this.runtime.monotonic() + ttlMs });
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }

  async close(): Promise<void> {
    this.entries.clear();
  }
}
