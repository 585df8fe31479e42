import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { Pool } from './pool';

describe('Pool', () => {
  it('starts work at once while a slot is free, and counts the idle ones', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const pool = new Pool({ size: 2, maxWaiting: 9 });
    const started: string[] = [];
    const work = (name: string) => async (): Promise<string> => {
      started.push(name);
      await runtime.sleep(10);
      return name;
    };
    const all = Promise.all(['a', 'b', 'c'].map((name) => pool.run(work(name))));
    expect(started).toEqual(['a', 'b']);
    expect([pool.idle, pool.waiting]).toEqual([0, 1]);
    await expect(runtime.until(all)).resolves.toEqual(['a', 'b', 'c']);
    expect([pool.idle, pool.waiting]).toEqual([2, 0]);
    expect(runtime.monotonic()).toBe(20);
  });

  it('frees the slot of work that rejects or throws, and passes the error on', async () => {
    const pool = new Pool({ size: 1, maxWaiting: 9 });
    const thrown = new Error('at once');
    await expect(pool.run(() => Promise.reject(new Error('later')))).rejects.toThrow('later');
    const throwing = (): Promise<never> => {
      throw thrown;
    };
    await expect(pool.run(throwing)).rejects.toBe(thrown);
    await expect(pool.run(async () => 'next')).resolves.toBe('next');
    expect(pool.idle).toBe(1);
  });

  it('lets somebody leave the line, keeps the order of the others, and leaves no listener behind', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const pool = new Pool({ size: 1, maxWaiting: 9 });
    const started: number[] = [];
    const leaving = new AbortController();
    const staying = new AbortController();
    const enter = (name: number, signal?: AbortSignal): Promise<void> =>
      pool.run(async () => {
        started.push(name);
        await runtime.sleep(10);
      }, signal);
    const ends = Promise.allSettled([enter(1), enter(2), enter(3, leaving.signal), enter(4, staying.signal)]);
    leaving.abort(new Error('tired'));
    expect(pool.waiting).toBe(2);
    const [, , third] = await runtime.until(ends);
    expect(third).toEqual({ status: 'rejected', reason: new Error('tired') });
    expect(started).toEqual([1, 2, 4]);
    expect(getEventListeners(staying.signal, 'abort')).toHaveLength(0);
    await expect(enter(5, leaving.signal)).rejects.toThrow('tired');
    expect(pool.idle).toBe(1);
  });

  it('does not start work whose signal aborts just as its turn comes, and passes the slot on', async () => {
    const pool = new Pool({ size: 1, maxWaiting: 9 });
    const controller = new AbortController();
    let hasStarted = false;
    let finish = (): void => undefined;
    const first = pool.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const second = pool.run(async () => {
      hasStarted = true;
    }, controller.signal);
    const third = pool.run(async () => 'third');
    finish();
    // Runs after the first has let the second in, before the second goes on.
    queueMicrotask(() => controller.abort(new Error('too late')));
    await expect(second).rejects.toThrow('too late');
    await expect(third).resolves.toBe('third');
    await first;
    expect(hasStarted).toBe(false);
  });

  it('refuses when the line is full', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const pool = new Pool({ size: 1, maxWaiting: 1 });
    const ends = Promise.allSettled([1, 2, 3].map(() => pool.run(() => runtime.sleep(10))));
    const results = await runtime.until(ends);
    expect(results.map((end) => end.status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'overloaded' } });
    expect(() => new Pool({ size: 0, maxWaiting: 1 })).toThrow(RangeError);
  });

  it(
    'property: never over its size, first come first served, every slot comes back',
    async () => {
      const caller = fc.record({
        comesAt: fc.nat(60),
        worksMs: fc.nat(20),
        fails: fc.boolean(),
        leavesAfterMs: fc.option(fc.nat(40)),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(caller, { maxLength: 30 }),
          fc.integer({ min: 1, max: 5 }),
          fc.nat(),
          async (callers, size, seed) => {
            const runtime = new SimulatedRuntime({ seed, ties: 'random' });
            const pool = new Pool({ size, maxWaiting: 100 });
            let active = 0;
            let most = 0;
            const asked: number[] = [];
            const started: number[] = [];
            const visit = async (index: number): Promise<void> => {
              const { comesAt, worksMs, fails, leavesAfterMs } = callers[index]!;
              await runtime.sleep(comesAt);
              const controller = new AbortController();
              if (leavesAfterMs !== null) runtime.after(leavesAfterMs, () => controller.abort(new Error('left')));
              asked.push(index);
              await pool.run(async () => {
                started.push(index);
                active += 1;
                most = Math.max(most, active);
                await runtime.sleep(worksMs);
                active -= 1;
                if (fails) throw new Error('failed');
              }, controller.signal);
            };
            const ends = await runtime.until(Promise.allSettled(callers.map((_, index) => visit(index))));
            expect(most).toBeLessThanOrEqual(size);
            expect([pool.idle, pool.waiting]).toEqual([size, 0]);
            expect(started).toEqual(asked.filter((index) => started.includes(index)));
            const left = ends.filter((end) => end.status === 'rejected' && (end.reason as Error).message === 'left');
            expect(started.length + left.length).toBe(callers.length);
          },
        ),
        { numRuns: propertyRuns(1_000) },
      );
    },
    propertyTimeoutMs,
  );
});
