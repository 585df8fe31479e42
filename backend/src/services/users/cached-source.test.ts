import { MapCache } from '../../../test/support/map-cache';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { deadline } from '../resilience/deadline';
import { CachedSource, DEADLINE, type SourceReading } from './cached-source';
import type { SourceAnswer, SourceCall } from './source-retry';

const second = 1_000;
const failed: SourceAnswer<string> = { kind: 'failed', code: 'http_503', attempts: 4 };
const absent: SourceAnswer<string> = { kind: 'absent', attempts: 2 };

/** A source that takes 100 ms and answers as `state` says, with `v1`, `v2`, … for a success. */
function sourceWith() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const cache = new MapCache(runtime);
  const stopping = new AbortController();
  const state: { answer: SourceAnswer<string> | null; takesMs: number } = { answer: null, takesMs: 100 };
  const calls: SourceCall[] = [];
  const fetch = async (_id: string, call: SourceCall): Promise<SourceAnswer<string>> => {
    calls.push(call);
    const value = `v${calls.length}`;
    call.onAttempt(1);
    await runtime.sleep(state.takesMs, call.signal);
    if (call.signal.aborted) return { kind: 'failed', code: 'cancelled', attempts: 1 };
    return state.answer ?? { kind: 'found', value, attempts: 1 };
  };
  const parts = { cache, runtime, deadlineMs: 1_400, stopping: stopping.signal };
  const source = new CachedSource('profile', fetch, parts);
  const start = (maxAgeMs: number | null, signal?: AbortSignal): Promise<SourceReading<string>> => {
    const limit = deadline(runtime, 1_400, signal, DEADLINE);
    return source.read('u1', { requestId: 'r', maxAgeMs, signal: limit.signal }).finally(limit.clear);
  };
  const read = (maxAgeMs: number | null = null): Promise<SourceReading<string>> => runtime.until(start(maxAgeMs));
  return { runtime, cache, source, state, calls, start, read, stopping };
}

describe('CachedSource', () => {
  it('asks once, and answers from the cache for 27 to 33 s where the caller does not say', async () => {
    const { runtime, read, calls, source } = sourceWith();
    expect(await read()).toEqual({ status: 'fresh', value: 'v1', attempts: 1, ageMs: 0, code: null });
    await runtime.advance(27 * second - 1);
    expect(await read()).toEqual({ status: 'cached', value: 'v1', attempts: 0, ageMs: 26_999, code: null });
    expect([calls.length, source.counts()]).toEqual([1, { hits: 1, misses: 1, stale: 0 }]);
  });

  it('takes max-age to the letter: an answer of that age will do, one of a millisecond more will not, for 0 none will', async () => {
    const { runtime, read } = sourceWith();
    await read();
    await runtime.advance(5 * second);
    expect(await read(5 * second)).toMatchObject({ status: 'cached', ageMs: 5_000 });
    expect(await read(5 * second - 1)).toMatchObject({ status: 'fresh', value: 'v2' });
    expect(await read(0)).toMatchObject({ status: 'fresh', value: 'v3' });
    await runtime.advance(3_600 * second);
    expect(await read(7_200 * second)).toMatchObject({ status: 'cached', value: 'v3' });
  });

  it('shows an answer that is a little old at once, marked, and asks anew behind', async () => {
    const { runtime, read, calls, source } = sourceWith();
    await read();
    await runtime.advance(40 * second);
    const before = runtime.monotonic();
    expect(await read()).toMatchObject({ status: 'stale', value: 'v1', attempts: 0, ageMs: 40_000, code: null });
    expect(runtime.monotonic()).toBe(before);
    await runtime.advance(100);
    expect(await read()).toMatchObject({ status: 'cached', value: 'v2' });
    expect([calls.length, source.counts().stale]).toEqual([2, 1]);
    await runtime.advance(70 * second);
    expect(await read()).toMatchObject({ status: 'fresh', value: 'v3' });
  });

  it('ends what it asks behind when the gateway stops', async () => {
    const { runtime, read, calls, stopping } = sourceWith();
    await read();
    await runtime.advance(40 * second);
    await read();
    stopping.abort('shutdown');
    await runtime.advance(0);
    expect(calls[1]?.signal.aborted).toBe(true);
  });

  it('shows an old answer for a day while the source fails, marked, even to who wanted a fresh one', async () => {
    const { runtime, read, state } = sourceWith();
    await read();
    state.answer = failed;
    await runtime.advance(3_600 * second);
    expect(await read(0)).toMatchObject({
      status: 'stale',
      value: 'v1',
      attempts: 4,
      ageMs: 3_600_100,
      code: 'http_503',
    });
    await runtime.advance(26 * 3_600 * second);
    expect(await read()).toEqual({ status: 'failed', value: null, attempts: 4, ageMs: null, code: 'http_503' });
  });

  it('keeps an absence for ten seconds, and no failure at all', async () => {
    const { runtime, read, state, calls } = sourceWith();
    state.answer = absent;
    expect(await read()).toMatchObject({ status: 'missing', value: null, attempts: 2, ageMs: 0 });
    await runtime.advance(8_900);
    expect(await read(3_600 * second)).toMatchObject({ status: 'missing', attempts: 0, ageMs: 8_900 });
    await runtime.advance(2_200);
    state.answer = failed;
    expect(await read()).toMatchObject({ status: 'failed' });
    expect(await read()).toMatchObject({ status: 'failed' });
    expect(calls).toHaveLength(3);
  });

  it('spreads its times to live by a tenth either way', async () => {
    const { runtime, source, cache } = sourceWith();
    const { signal } = new AbortController();
    for (let id = 0; id < 200; id += 1) {
      await runtime.until(source.read(`u${id}`, { requestId: 'r', maxAgeMs: null, signal }));
    }
    const hours = [...cache.ttls.values()].map((ttlMs) => ttlMs / 3_600_000);
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(21.6);
    expect(Math.min(...hours)).toBeLessThan(22);
    expect(Math.max(...hours)).toBeLessThanOrEqual(26.4);
    expect(Math.max(...hours)).toBeGreaterThan(26);
  });

  it('makes one call for all who ask at once, and ends it when the last has gone', async () => {
    const { runtime, start, calls } = sourceWith();
    const gone = [new AbortController(), new AbortController()];
    const readings = Promise.allSettled(gone.map(({ signal }) => start(null, signal)));
    await runtime.advance(10);
    expect(calls).toHaveLength(1);
    gone[0]?.abort('client_gone');
    await runtime.advance(10);
    expect(calls[0]?.signal.aborted).toBe(false);
    gone[1]?.abort('client_gone');
    await runtime.advance(0);
    expect(calls[0]?.signal.aborted).toBe(true);
    for (const reading of await readings) expect(reading).toEqual({ status: 'rejected', reason: 'client_gone' });
  });

  it('at the deadline says that it is missing, or shows what it knew', async () => {
    const { runtime, read, state } = sourceWith();
    state.takesMs = 60 * second;
    expect(await read()).toEqual({ status: 'missing', value: null, attempts: 1, ageMs: null, code: DEADLINE });
    expect(runtime.monotonic()).toBe(1_400);
    state.takesMs = 100;
    await read();
    state.takesMs = 60 * second;
    expect(await read(0)).toMatchObject({ status: 'stale', value: 'v2', code: DEADLINE });
  });

  it('makes nothing younger when the clock was set back', async () => {
    const { runtime, read } = sourceWith();
    await read();
    runtime.jumpWallClock(-3_600 * second);
    expect(await read()).toMatchObject({ status: 'cached', ageMs: 0 });
  });
});
