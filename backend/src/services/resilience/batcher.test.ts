import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { AppError } from '../../errors';
import { Batcher } from './batcher';

const numRuns = propertyRuns(1_000);

/** A flush that takes `flushMs` and records what it was given. */
function recorder(runtime: SimulatedRuntime, flushMs: number) {
  const flushes: number[][] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const flush = async (items: number[]): Promise<string[]> => {
    flushes.push(items);
    underWay += 1;
    mostUnderWay = Math.max(mostUnderWay, underWay);
    await runtime.sleep(flushMs);
    underWay -= 1;
    return items.map((item) => `stored ${item}`);
  };
  return { flushes, flush, mostUnderWay: () => mostUnderWay };
}

describe('Batcher', () => {
  it('gathers what arrives in one turn into one flush', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const { flushes, flush } = recorder(runtime, 5);
    const batcher = new Batcher({ runtime, flush, maxItems: 100 });
    const first = batcher.add(1);
    const second = Promise.resolve().then(() => batcher.add(2));
    await expect(runtime.until(Promise.all([first, second]))).resolves.toEqual(['stored 1', 'stored 2']);
    expect(flushes).toEqual([[1, 2]]);
  });

  it('lets a lone item wait for no timer', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const batcher = new Batcher({ runtime, flush: async (items: number[]) => items, maxItems: 100 });
    await expect(runtime.until(batcher.add(7))).resolves.toBe(7);
    expect(runtime.monotonic()).toBe(0);
  });

  it('lets what arrives during a flush share the next one', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const { flushes, flush, mostUnderWay } = recorder(runtime, 10);
    const batcher = new Batcher({ runtime, flush, maxItems: 100 });
    void batcher.add(1);
    for (const item of [2, 3, 4]) runtime.after(item, () => void batcher.add(item));
    await runtime.runUntilIdle();
    expect(flushes).toEqual([[1], [2, 3, 4]]);
    expect(runtime.monotonic()).toBe(20);
    expect(mostUnderWay()).toBe(1);
  });

  it('lets input that a blocking flush held up join the next flush', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const flushes: number[][] = [];
    const flush = async (items: number[]): Promise<number[]> => {
      flushes.push(items);
      runtime.stall(10);
      return items;
    };
    const batcher = new Batcher({ runtime, flush, maxItems: 100 });
    void batcher.add(1);
    void runtime.turn().then(() => batcher.add(2));
    for (const item of [3, 4]) runtime.after(item, () => void batcher.add(item));
    await runtime.runUntilIdle();
    expect(flushes).toEqual([[1], [2, 3, 4]]);
  });

  it('rejects just the items of a flush that failed, and goes on', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    let calls = 0;
    const flush = (items: number[]): Promise<number[]> => {
      calls += 1;
      if (calls === 2) return Promise.reject(new Error('disk full'));
      if (calls === 3) throw new Error('thrown at once');
      return Promise.resolve(items);
    };
    const batcher = new Batcher({ runtime, flush, maxItems: 2 });
    const ends = await runtime.until(Promise.allSettled([1, 2, 3, 4, 5, 6, 7].map((item) => batcher.add(item))));
    const texts = ends.map((end) => (end.status === 'fulfilled' ? end.value : (end.reason as Error).message));
    expect(texts).toEqual([1, 2, 'disk full', 'disk full', 'thrown at once', 'thrown at once', 7]);
  });

  it('rejects a flush that gives another number of results than it was given items', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const batcher = new Batcher({ runtime, flush: async () => ['one'], maxItems: 10 });
    const ends = await runtime.until(Promise.allSettled([batcher.add(1), batcher.add(2)]));
    expect(ends.map((end) => end.status)).toEqual(['rejected', 'rejected']);
  });

  it('refuses what would wait beyond the bound, and takes again once there is room', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const { flush } = recorder(runtime, 10);
    const batcher = new Batcher({ runtime, flush, maxItems: 2, maxWaiting: 3 });
    const taken = [1, 2, 3].map((item) => batcher.add(item));
    const refusal: unknown = await batcher.add(4).catch((reason: unknown) => reason);
    expect(refusal).toBeInstanceOf(AppError);
    expect(refusal).toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    await runtime.until(Promise.all(taken));
    await expect(runtime.until(batcher.add(5))).resolves.toBe('stored 5');
  });

  it('is idle at once when nothing was added, else after the last flush, also of what came meanwhile', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const { flushes, flush } = recorder(runtime, 10);
    const batcher = new Batcher({ runtime, flush, maxItems: 100 });
    await batcher.idle();
    void batcher.add(1);
    runtime.after(5, () => void batcher.add(2));
    await runtime.until(batcher.idle());
    expect(flushes).toEqual([[1], [2]]);
    expect(runtime.monotonic()).toBe(20);
  });

  it(
    'property: every item is flushed once, in order, within the bound, and gets its own result',
    async () => {
      const arrival = fc.record({ at: fc.integer({ min: 0, max: 50 }) });
      const failing = fc.func(fc.boolean());
      await fc.assert(
        fc.asyncProperty(
          fc.array(arrival, { maxLength: 40 }),
          fc.integer({ min: 1, max: 12 }),
          fc.nat(9),
          failing,
          fc.nat(),
          async (arrivals, maxItems, flushMs, fails, seed) => {
            const runtime = new SimulatedRuntime({ seed });
            const added: number[] = [];
            const flushes: number[][] = [];
            const flush = async (items: number[]): Promise<number[]> => {
              const index = flushes.push(items);
              await runtime.sleep(flushMs);
              if (fails(index)) throw new Error(`flush ${index}`);
              return items.map((item) => item * 10);
            };
            const batcher = new Batcher({ runtime, flush, maxItems });
            const ends = arrivals.map(async ({ at }, item) => {
              await runtime.sleep(at);
              added.push(item);
              return batcher.add(item).catch((reason: unknown) => (reason as Error).message);
            });
            const results = await runtime.until(Promise.all(ends));
            expect(flushes.flat()).toEqual(added);
            flushes.forEach((items, index) => {
              expect(items.length).toBeLessThanOrEqual(maxItems);
              for (const item of items) expect(results[item]).toBe(fails(index + 1) ? `flush ${index + 1}` : item * 10);
            });
          },
        ),
        { numRuns },
      );
    },
    propertyTimeoutMs,
  );
});
