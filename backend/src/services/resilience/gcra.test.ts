import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { Gcra } from './gcra';

/** By how much the fullest window between two of these moments exceeds rate × its length + burst. */
function worstExcess(moments: readonly number[], ratePerSecond: number, burst: number): number {
  let worst = -Infinity;
  for (const [first, start] of moments.entries()) {
    for (let last = first; last < moments.length; last += 1) {
      const seconds = ((moments[last] ?? 0) - start) / 1000;
      worst = Math.max(worst, last - first + 1 - seconds * ratePerSecond - burst);
    }
  }
  return worst;
}

describe('Gcra', () => {
  it('says how many it would let through now, and when half a burst will be there', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const limiter = new Gcra(runtime, { ratePerSecond: 10, burst: 4 });
    expect([limiter.remaining(), limiter.waitMs()]).toEqual([4, 0]);
    limiter.tryTake(3);
    expect([limiter.remaining(), limiter.waitMs()]).toEqual([1, 100]);
    limiter.tryTake();
    expect([limiter.remaining(), limiter.waitMs()]).toEqual([0, 200]);
    await runtime.advance(199);
    expect([limiter.remaining(), limiter.waitMs()]).toEqual([1, 1]);
    await runtime.advance(1);
    expect([limiter.remaining(), limiter.waitMs()]).toEqual([2, 0]);
  });

  it('lets a burst through, then one per interval, and says how long to wait', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const limiter = new Gcra(runtime, { ratePerSecond: 10, burst: 3 });
    expect([1, 2, 3, 4].map(() => limiter.tryTake())).toEqual([0, 0, 0, 100]);
    await runtime.advance(99);
    expect(limiter.tryTake()).toBe(1);
    await runtime.advance(1);
    expect([1, 2].map(() => limiter.tryTake())).toEqual([0, 100]);
    await runtime.advance(10_000);
    expect([1, 2, 3, 4].map(() => limiter.tryTake())).toEqual([0, 0, 0, 100]);
  });

  it('takes several at once or none of them', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const limiter = new Gcra(runtime, { ratePerSecond: 10, burst: 5 });
    expect(limiter.tryTake(4)).toBe(0);
    expect(limiter.tryTake(2)).toBe(100);
    expect(limiter.tryTake(1)).toBe(0);
    expect(limiter.tryTake(5)).toBe(500);
    expect(() => limiter.tryTake(6)).toThrow(RangeError);
  });

  it('keeps the full rate over time for those who wait, first come first served', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const limiter = new Gcra(runtime, { ratePerSecond: 200 });
    const order: number[] = [];
    const takers = Array.from({ length: 1_010 }, (_, index) => limiter.take().then(() => order.push(index)));
    await runtime.until(Promise.all(takers));
    expect(order).toEqual([...order].sort((one, other) => one - other));
    expect(runtime.monotonic()).toBe(5_000);
  });

  it('lets a waiter leave without using up its place', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const limiter = new Gcra(runtime, { ratePerSecond: 1, burst: 1 });
    const [front, middle] = [new AbortController(), new AbortController()];
    await limiter.take();
    const ends = Promise.allSettled([limiter.take(front.signal), limiter.take(middle.signal), limiter.take()]);
    runtime.after(500, () => {
      front.abort(new Error('front left'));
      middle.abort(new Error('middle left'));
    });
    expect((await runtime.until(ends)).map((end) => end.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(runtime.monotonic()).toBe(1_000);
    expect(runtime.pendingTimers).toBe(0);
  });

  it.each([
    [{ ratePerSecond: 0 }, 'rate'],
    [{ ratePerSecond: Infinity }, 'rate'],
    [{ ratePerSecond: NaN }, 'rate'],
    [{ ratePerSecond: 5, burst: 0 }, 'burst'],
  ])('refuses %j', (options, named) => {
    expect(() => new Gcra(new SimulatedRuntime({ seed: 1 }), options)).toThrow(named);
  });

  it(
    'property: in no window more than rate × its length + burst, and waiting as told is enough',
    () => {
      const step = fc.record({ passMs: fc.nat(400), takes: fc.integer({ min: 1, max: 3 }), obeys: fc.boolean() });
      const rates = fc.constantFrom(0.5, 3, 7, 10, 33.3, 200, 1_000, 3_000);
      fc.assert(
        fc.property(
          rates,
          fc.integer({ min: 3, max: 12 }),
          fc.array(step, { maxLength: 25, size: 'max' }),
          (ratePerSecond, burst, steps) => {
            const runtime = new SimulatedRuntime({ seed: 1 });
            const limiter = new Gcra(runtime, { ratePerSecond, burst });
            const moments: number[] = [];
            const badAnswers: number[] = [];
            for (const { passMs, takes, obeys } of steps) {
              runtime.stall(passMs);
              let waitMs = limiter.tryTake(takes);
              if (waitMs > 0 && obeys) {
                runtime.stall(waitMs - 1);
                if (limiter.tryTake(takes) !== 1) badAnswers.push(waitMs);
                runtime.stall(1);
                waitMs = limiter.tryTake(takes);
                if (waitMs !== 0) badAnswers.push(waitMs);
              }
              if (waitMs === 0) for (let n = 0; n < takes; n += 1) moments.push(runtime.monotonic());
            }
            expect(badAnswers).toEqual([]);
            expect(worstExcess(moments, ratePerSecond, burst)).toBeLessThanOrEqual(ratePerSecond * 1e-6 + 1e-9);
          },
        ),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});
