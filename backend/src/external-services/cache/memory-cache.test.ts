import { MemoryCache } from './memory-cache';

let cache: MemoryCache;

afterEach(async () => {
  jest.useRealTimers();
  await cache.close();
});

describe('MemoryCache', () => {
  it('gives back the very value, until its time is over', async () => {
    jest.useFakeTimers();
    cache = new MemoryCache(10);
    const value = { a: 1 };
    await cache.set('key', value, 1_500);
    jest.advanceTimersByTime(1_500);
    expect(await cache.get('key')).toBe(value);
    jest.advanceTimersByTime(1);
    expect(await cache.get('key')).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('never holds more than its limit: what was unused for longest goes, and a full cache takes on', async () => {
    cache = new MemoryCache(3);
    for (const key of ['a', 'b', 'c']) await cache.set(key, key, 1_000);
    await cache.get('a');
    await cache.set('d', 'd', 1_000);
    await cache.set('c', 'new', 1_000);
    await cache.set('e', 'e', 1_000);
    const kept = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => cache.get(key)));
    expect(kept).toEqual([undefined, undefined, 'new', 'd', 'e']);
    for (let index = 0; index < 1_000; index += 1) await cache.set(`k${index}`, index, 1_000);
    expect(cache.size).toBe(3);
  });

  it('keeps its bound over many distinct keys, at a cost that does not grow with the bound', async () => {
    const keys = process.env['LONG'] === '1' ? 1_000_000 : 100_000;
    cache = new MemoryCache(20_000);
    for (let index = 0; index < keys; index += 1) {
      await cache.set(`k${index}`, index, 1_000_000);
      if (index % 10_000 === 0) expect(cache.size).toBeLessThanOrEqual(20_000);
    }
    expect(cache.size).toBe(20_000);
    expect(await cache.get(`k${keys - 20_000}`)).toBe(keys - 20_000);
    expect(await cache.get(`k${keys - 20_001}`)).toBeUndefined();
  });

  it('knows no key that was not set, whatever an object inherits', async () => {
    cache = new MemoryCache(3);
    for (const key of ['constructor', '__proto__', 'toString']) expect(await cache.get(key)).toBeUndefined();
    await cache.set('__proto__', 1, 1_000);
    expect(await cache.get('__proto__')).toBe(1);
    await cache.delete('__proto__');
    expect(await cache.get('__proto__')).toBeUndefined();
  });

  it.each([0, -1, Number.NaN])('refuses to keep for %d ms', async (ttlMs) => {
    cache = new MemoryCache(3);
    await expect(cache.set('key', 1, ttlMs)).rejects.toThrow(RangeError);
  });
});
