import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { Singleflight } from './singleflight';

function setUp() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const flights = new Singleflight<string>();
  const signals: AbortSignal[] = [];
  const call = async (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    await runtime.sleep(100, signal);
    signal.throwIfAborted();
    return `answer ${signals.length}`;
  };
  return { runtime, flights, signals, call };
}

describe('Singleflight', () => {
  it('makes one call for all who ask while it is in flight, and a new one after', async () => {
    const { runtime, flights, signals, call } = setUp();
    const first = flights.run('a', call);
    runtime.after(99, () => void flights.run('a', call));
    await expect(runtime.until(Promise.all([first, flights.run('a', call)]))).resolves.toEqual([
      'answer 1',
      'answer 1',
    ]);
    expect(signals).toHaveLength(1);
    expect(flights.size).toBe(0);
    await expect(runtime.until(flights.run('a', call))).resolves.toBe('answer 2');
  });

  it('keeps keys apart, whatever they are called', async () => {
    const { runtime, flights, signals, call } = setUp();
    const keys = ['a', 'b', '', '__proto__', 'constructor'];
    await runtime.until(Promise.all(keys.map((key) => flights.run(key, call))));
    expect(signals).toHaveLength(keys.length);
  });

  it('shares an error and does not keep it', async () => {
    const { flights } = setUp();
    let calls = 0;
    const failing = (): Promise<string> => {
      calls += 1;
      throw new Error(`failure ${calls}`);
    };
    const ends = await Promise.allSettled([flights.run('a', failing), flights.run('a', failing)]);
    expect(ends.map((end) => end.status === 'rejected' && (end.reason as Error).message)).toEqual([
      'failure 1',
      'failure 1',
    ]);
    expect(flights.size).toBe(0);
    await expect(flights.run('a', failing)).rejects.toThrow('failure 2');
  });

  it('lets one caller leave at once without cancelling the others', async () => {
    const { runtime, flights, signals, call } = setUp();
    const leaving = new AbortController();
    const left = flights.run('a', call, leaving.signal);
    const stayed = flights.run('a', call);
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(runtime.monotonic()).toBe(0);
    await expect(runtime.until(stayed)).resolves.toBe('answer 1');
    expect(signals[0]?.aborted).toBe(false);
  });

  it('aborts the call when all have left, and lets the next caller start anew at once', async () => {
    const { runtime, flights, signals, call } = setUp();
    const [one, other] = [new AbortController(), new AbortController()];
    const ends = Promise.allSettled([flights.run('a', call, one.signal), flights.run('a', call, other.signal)]);
    one.abort('one left');
    expect(signals[0]?.aborted).toBe(false);
    other.abort('other left');
    expect(signals[0]?.reason).toBe('other left');
    expect(flights.size).toBe(0);
    const next = flights.run('a', call);
    expect(await ends).toEqual([
      { status: 'rejected', reason: 'one left' },
      { status: 'rejected', reason: 'other left' },
    ]);
    expect(flights.size).toBe(1);
    await expect(runtime.until(next)).resolves.toBe('answer 2');
  });

  it('starts nothing for a caller that has left already', async () => {
    const { flights, signals, call } = setUp();
    await expect(flights.run('a', call, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(signals).toHaveLength(0);
    expect(flights.size).toBe(0);
  });

  it("leaves no listener on a caller's signal", async () => {
    const { runtime, flights, call } = setUp();
    const { signal } = new AbortController();
    await runtime.until(Promise.all(Array.from({ length: 20 }, () => flights.run('a', call, signal))));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it(
    'property: never two live calls for a key, everybody gets an answer or leaves, no key is left',
    async () => {
      const caller = fc.record({
        key: fc.constantFrom('a', 'b'),
        comesAt: fc.nat(60),
        leavesAfterMs: fc.option(fc.nat(30)),
      });
      const times = fc.func(fc.record({ worksMs: fc.nat(30), fails: fc.boolean() }));
      await fc.assert(
        fc.asyncProperty(fc.array(caller, { maxLength: 20 }), times, fc.nat(), async (callers, timeOf, seed) => {
          const runtime = new SimulatedRuntime({ seed, ties: 'random' });
          const flights = new Singleflight<number>();
          const live = new Map<string, AbortSignal>();
          let calls = 0;
          const callOf =
            (key: string) =>
            async (signal: AbortSignal): Promise<number> => {
              expect(live.get(key)?.aborted ?? true).toBe(true);
              live.set(key, signal);
              const { worksMs, fails } = timeOf((calls += 1));
              const number = calls;
              await runtime.sleep(worksMs, signal);
              if (live.get(key) === signal) live.delete(key);
              if (fails || signal.aborted) throw new Error(`call ${number}`);
              return number;
            };
          const visit = async ({ key, comesAt, leavesAfterMs }: (typeof callers)[number]): Promise<unknown> => {
            await runtime.sleep(comesAt);
            const controller = new AbortController();
            if (leavesAfterMs !== null) runtime.after(leavesAfterMs, () => controller.abort(new Error('left')));
            return flights.run(key, callOf(key), controller.signal);
          };
          const ends = await runtime.until(Promise.allSettled(callers.map(visit)));
          await runtime.runUntilIdle();
          expect(flights.size).toBe(0);
          expect(calls).toBeLessThanOrEqual(callers.length);
          ends.forEach((end, index) => {
            const isLeft = end.status === 'rejected' && (end.reason as Error).message === 'left';
            expect(isLeft && callers[index]?.leavesAfterMs === null).toBe(false);
          });
        }),
        { numRuns: propertyRuns(1_000) },
      );
    },
    propertyTimeoutMs,
  );
});
