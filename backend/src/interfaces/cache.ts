/**
 * A bounded cache of values that may be lost at any time. Values are plain data and are never changed by anyone. It never rejects: a cache
 * that is away is a miss, and a value that cannot be kept is not kept.
 */
export interface Cache {
  get(key: string): Promise<unknown>;
  /** Keeps the value for at most `ttlMs`, which is above 0. When the cache is full, what was unused for longest goes. */
  set(key: string, value: unknown, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  close(): Promise<void>;
}
