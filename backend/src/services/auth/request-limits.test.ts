import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { RequestLimits } from './request-limits';

const setUp = (options: Partial<ConstructorParameters<typeof RequestLimits>[1]> = {}) => {
  const runtime = new SimulatedRuntime({ seed: 1 });
  return { runtime, limits: new RequestLimits(runtime, { perMinute: 6, openMax: 2, ...options }) };
};

test('the quota of a minute may come at once, then one comes back every sixth of a minute', async () => {
  const { runtime, limits } = setUp();
  const limit = limits.of('a');
  expect([1, 2, 3, 4, 5, 6].map(() => limit.take())).toEqual([0, 0, 0, 0, 0, 0]);
  expect([limit.remaining(), limit.fullAfterSeconds(), limit.take()]).toEqual([0, 60, 10]);
  await runtime.advance(10_000);
  expect([limit.remaining(), limit.take(), limit.take()]).toEqual([1, 0, 10]);
  expect(limits.of('b').take()).toBe(0);
});

test('at most openMax requests may be open at a time', () => {
  const limit = setUp().limits.of('a');
  expect([limit.begin(), limit.begin(), limit.begin()]).toEqual([true, true, false]);
  limit.end();
  expect(limit.begin()).toBe(true);
});

test('is bounded: the key seen first is forgotten', () => {
  const { limits } = setUp({ keysMax: 2 });
  const [a, b] = [limits.of('a'), limits.of('b')];
  limits.of('c');
  expect(limits.of('b')).toBe(b);
  expect(limits.of('a')).not.toBe(a);
});
