import { getEventListeners } from 'node:events';

import { systemRuntime } from './system-runtime';

const LONGEST_MS = 2 ** 31 - 1;

describe('systemRuntime', () => {
  afterEach(() => jest.restoreAllMocks());

  it('has the wall clock', () => {
    const before = Date.now();
    const now = systemRuntime.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now());
  });

  it('has a clock that does not follow the wall clock', () => {
    const before = systemRuntime.monotonic();
    jest.spyOn(Date, 'now').mockReturnValue(0);
    const after = systemRuntime.monotonic();
    expect(after).toBeGreaterThanOrEqual(before);
    expect(after - before).toBeLessThan(60_000);
  });

  it('has dice from 0 to 1', () => {
    const rolls = Array.from({ length: 1000 }, () => systemRuntime.random());
    expect(Math.min(...rolls)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...rolls)).toBeLessThan(0.1);
    expect(Math.max(...rolls)).toBeLessThan(1);
    expect(Math.max(...rolls)).toBeGreaterThan(0.9);
  });

  it('makes growing UUIDv7 of the present time', () => {
    const before = Date.now();
    const ids = Array.from({ length: 100 }, () => systemRuntime.newId());
    const time = Number.parseInt((ids[0] ?? '').replaceAll('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
    expect([...new Set(ids)].sort()).toEqual(ids);
  });

  it('sleeps as long as it is told', async () => {
    const startedAt = performance.now();
    await systemRuntime.sleep(20);
    // Node's timers may be a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(18);
  });

  it.each([
    [LONGEST_MS + 1, LONGEST_MS],
    [Number.POSITIVE_INFINITY, LONGEST_MS],
    [-1, 0],
    [Number.NaN, 0],
    [1500, 1500],
  ])('takes a delay of %d for %d', async (ms, expected) => {
    const setTimer = jest.spyOn(global, 'setTimeout');
    const abort = new AbortController();
    const slept = systemRuntime.sleep(ms, abort.signal);
    systemRuntime.after(ms, () => undefined)();
    abort.abort();
    await slept;
    expect(setTimer.mock.calls.map(([, delay]) => delay)).toEqual([expected, expected]);
  });

  it('wakes at once when the signal aborts, before the sleep or during it, and leaves no timer', async () => {
    const setTimer = jest.spyOn(global, 'setTimeout');
    const clearTimer = jest.spyOn(global, 'clearTimeout');
    const abort = new AbortController();
    const slept = systemRuntime.sleep(LONGEST_MS, abort.signal);
    abort.abort(new Error('stop'));
    await expect(slept).resolves.toBeUndefined();
    expect(clearTimer).toHaveBeenCalledWith(setTimer.mock.results[0]?.value);

    await expect(systemRuntime.sleep(LONGEST_MS, abort.signal)).resolves.toBeUndefined();
    expect(setTimer).toHaveBeenCalledTimes(1);
  });

  it('leaves no listener on a signal that outlives the sleep', async () => {
    const abort = new AbortController();
    const slept = [systemRuntime.sleep(0, abort.signal), systemRuntime.sleep(1, abort.signal)];
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(2);
    await Promise.all(slept);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  it('calls back once after the time, without keeping the process alive', async () => {
    const setTimer = jest.spyOn(global, 'setTimeout');
    let calls = 0;
    await new Promise<void>((resolve) => {
      systemRuntime.after(1, () => {
        calls++;
        resolve();
      });
      expect((setTimer.mock.results[0]?.value as NodeJS.Timeout).hasRef()).toBe(false);
    });
    expect(calls).toBe(1);
  });

  it('does not call back once it was cancelled', async () => {
    let calls = 0;
    const cancel = systemRuntime.after(1, () => calls++);
    cancel();
    cancel();
    await systemRuntime.sleep(10);
    expect(calls).toBe(0);
  });

  it('turns after what was there before it, and before what comes later', async () => {
    const order: string[] = [];
    const immediate = (name: string) =>
      new Promise<void>((resolve) => {
        setImmediate(() => {
          order.push(name);
          resolve();
        });
      });
    const earlier = immediate('earlier');
    const turned = systemRuntime.turn().then(() => order.push('turn'));
    const later = immediate('later');
    process.nextTick(() => order.push('tick'));
    await Promise.all([earlier, turned, later]);
    expect(order).toEqual(['tick', 'earlier', 'turn', 'later']);
  });
});
