import { getEventListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from './property-runs';
import { SimulatedRuntime } from './simulated-runtime';

const hour = 3_600_000;

describe('SimulatedRuntime, clocks and dice', () => {
  it('moves both clocks with time, and only the wall clock with a jump', async () => {
    const runtime = new SimulatedRuntime({ seed: 1, startAt: 1_000_000 });
    await runtime.advance(250);
    expect([runtime.now(), runtime.monotonic()]).toEqual([1_000_250, 250]);
    runtime.jumpWallClock(-hour);
    expect([runtime.now(), runtime.monotonic()]).toEqual([1_000_250 - hour, 250]);
  });

  it('gives the same numbers and ids for the same seed, others for another', () => {
    const draw = (seed: number): unknown[] => {
      const runtime = new SimulatedRuntime({ seed });
      return [runtime.random(), runtime.newId(), runtime.random(), runtime.newId()];
    };
    expect(draw(42)).toEqual(draw(42));
    const all = [0, 1, 2, -1, 2 ** 32, 2 ** 53 - 1].flatMap(draw);
    expect(new Set(all).size).toBe(all.length);
    expect(() => draw(0.5)).toThrow(RangeError);
  });

  it('gives numbers that are spread evenly over [0, 1), whatever else is drawn', () => {
    const runtime = new SimulatedRuntime({ seed: 7 });
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw += 1) counts[Math.floor(runtime.random() * 10)]! += 1;
    expect(counts).toHaveLength(10);
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const [one, other] = [new SimulatedRuntime({ seed: 7 }), new SimulatedRuntime({ seed: 7 })];
    one.newId();
    expect(one.random()).toBe(other.random());
  });

  it('makes UUIDs of version 7 that carry the wall clock', () => {
    const runtime = new SimulatedRuntime({ seed: 1, startAt: Date.UTC(2025, 5, 1) });
    const ids = Array.from({ length: 1_000 }, () => runtime.newId());
    expect(new Set(ids).size).toBe(1_000);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(parseInt(id.slice(0, 13).replace('-', ''), 16)).toBe(Date.UTC(2025, 5, 1));
    }
  });
});

describe('SimulatedRuntime, timers', () => {
  it('fires each timer at its own time, in order, also those set meanwhile', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const seen: string[] = [];
    const note = (name: string): void => void seen.push(`${name} at ${runtime.monotonic()}`);
    runtime.after(20, () => note('b'));
    runtime.after(10, () => {
      note('a');
      runtime.after(5, () => note('set by a'));
    });
    runtime.after(20, () => note('c'));
    runtime.after(31, () => note('too late'));
    await runtime.advance(30);
    expect(seen).toEqual(['a at 10', 'set by a at 15', 'b at 20', 'c at 20']);
    expect(runtime.monotonic()).toBe(30);
    expect(runtime.pendingTimers).toBe(1);
  });

  it('runs all promise reactions of one timer before the next, however deep', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const seen: string[] = [];
    const deep = async (name: string): Promise<void> => {
      for (let depth = 0; depth < 500; depth += 1) await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      seen.push(name);
    };
    runtime.after(10, () => void deep('first'));
    runtime.after(10, () => seen.push('second'));
    await runtime.advance(10);
    expect(seen).toEqual(['first', 'second']);
  });

  it('does not fire a cancelled timer, not even when its sibling of the same instant cancels it', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const fired: string[] = [];
    runtime.after(10, () => cancel());
    const cancel = runtime.after(10, () => fired.push('cancelled'));
    runtime.after(5, () => fired.push('early'))();
    await runtime.runUntilIdle();
    cancel();
    expect(fired).toEqual([]);
    expect(runtime.pendingTimers).toBe(0);
  });

  it('clamps delays as the port says, and rounds them up', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const at: number[] = [];
    for (const ms of [-5, 0.2, 2 ** 40, Infinity]) runtime.after(ms, () => at.push(runtime.monotonic()));
    await runtime.runUntilIdle(2 ** 32);
    expect(at).toEqual([0, 1, 2 ** 31 - 1, 2 ** 31 - 1]);
    expect(() => runtime.after(NaN, () => undefined)).toThrow(RangeError);
  });

  it('wakes a sleeper when its time or its signal comes, and leaves nothing behind', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const controller = new AbortController();
    const woken: string[] = [];
    const sleep = (name: string, ms: number): void => {
      void runtime.sleep(ms, controller.signal).then(() => woken.push(`${name} at ${runtime.monotonic()}`));
    };
    sleep('short', 10);
    sleep('long', 1_000);
    runtime.after(20, () => controller.abort());
    runtime.after(30, () => sleep('aborted before', 1_000));
    await runtime.advance(40);
    expect(woken).toEqual(['short at 10', 'long at 20', 'aborted before at 30']);
    expect(runtime.pendingTimers).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('fires late, and in order, what fell due while the process stood still', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const seen: string[] = [];
    runtime.after(20, () => seen.push(`b at ${runtime.monotonic()}`));
    runtime.after(10, () => seen.push(`a at ${runtime.monotonic()}`));
    runtime.stall(500);
    expect(seen).toEqual([]);
    await runtime.advance(0);
    expect(seen).toEqual(['a at 500', 'b at 500']);
  });

  it('orders timers of the same time as they were set, or by the seed where told so', async () => {
    const orderOf = async (seed: number, ties: 'fifo' | 'random'): Promise<string> => {
      const runtime = new SimulatedRuntime({ seed, ties });
      const seen: number[] = [];
      for (let index = 0; index < 10; index += 1) runtime.after(1, () => seen.push(index));
      await runtime.advance(1);
      return seen.join('');
    };
    expect(await orderOf(1, 'fifo')).toBe('0123456789');
    const shuffled = await orderOf(1, 'random');
    expect(shuffled).not.toBe('0123456789');
    expect(shuffled.split('').sort().join('')).toBe('0123456789');
    expect(await orderOf(1, 'random')).toBe(shuffled);
    expect(await orderOf(2, 'random')).not.toBe(shuffled);
  });

  it(
    'property: fires exactly the timers that were not cancelled, by time and then by order of setting',
    async () => {
      const timer = fc.record({ ms: fc.nat(50), isCancelled: fc.boolean() });
      await fc.assert(
        fc.asyncProperty(fc.array(timer, { maxLength: 60, size: 'max' }), async (timers) => {
          const runtime = new SimulatedRuntime({ seed: 1 });
          const fired: number[] = [];
          const cancels = timers.map(({ ms }, index) => runtime.after(ms, () => fired.push(index)));
          timers.forEach(({ isCancelled }, index) => isCancelled && cancels[index]?.());
          const live = timers.map((_, index) => index).filter((index) => !timers[index]?.isCancelled);
          expect(runtime.pendingTimers).toBe(live.length);
          await runtime.runUntilIdle();
          const byTime = live.sort((one, other) => timers[one]!.ms - timers[other]!.ms || one - other);
          expect(fired).toEqual(byTime);
        }),
        { numRuns: propertyRuns(500) },
      );
    },
    propertyTimeoutMs,
  );
});

describe('SimulatedRuntime, the loop', () => {
  it('resolves a turn after what is due at this instant, before time goes on', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const seen: string[] = [];
    const note = (name: string): void => void seen.push(`${name} at ${runtime.monotonic()}`);
    runtime.after(10, () => {
      void runtime.turn().then(() => {
        note('turn');
        void runtime.turn().then(() => note('next turn'));
      });
      runtime.after(0, () => note('timer of this instant'));
    });
    runtime.after(10, () => note('second input'));
    runtime.after(11, () => note('later'));
    await runtime.advance(20);
    expect(seen).toEqual([
      'second input at 10',
      'turn at 10',
      'timer of this instant at 10',
      'next turn at 10',
      'later at 11',
    ]);
  });

  it('drives the clock until a promise settles, no further', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    runtime.after(hour, () => undefined);
    await expect(runtime.until(runtime.sleep(30).then(() => 'done'))).resolves.toBe('done');
    expect(runtime.monotonic()).toBe(30);
    const failing = runtime.sleep(5).then(() => {
      throw new Error('failed');
    });
    await expect(runtime.until(failing)).rejects.toThrow('failed');
    expect(runtime.monotonic()).toBe(35);
  });

  it('says so when nothing is left that could settle the promise, or the limit is reached', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    await expect(runtime.until(new Promise(() => undefined))).rejects.toThrow('has not settled');
    await expect(runtime.until(runtime.sleep(100), 99)).rejects.toThrow('has not settled');
  });

  it('stops with an error at a timer that always sets itself anew', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const again = (): void => void runtime.after(1_000, again);
    again();
    await expect(runtime.runUntilIdle(60_000)).rejects.toThrow('1 timers are still set');
  });

  it.each([
    ['timers', (runtime: SimulatedRuntime, again: () => void) => void runtime.after(0, again)],
    ['turns', (runtime: SimulatedRuntime, again: () => void) => void runtime.turn().then(again)],
  ])('stops with an error at a hot loop of %s', async (_, repeat) => {
    const runtime = new SimulatedRuntime({ seed: 1, maxStepsPerInstant: 100 });
    const again = (): void => repeat(runtime, again);
    again();
    await expect(runtime.advance(10)).rejects.toThrow('Hot loop');
  });

  it('lets time stand still while real work is under way outside', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const seen: string[] = [];
    runtime.after(10, () => {
      void runtime.outside(readFile(__filename)).then(() => seen.push(`read at ${runtime.monotonic()}`));
    });
    runtime.after(11, () => seen.push('later'));
    await runtime.advance(20);
    expect(seen).toEqual(['read at 10', 'later']);
  });

  it('refuses to be driven by two at once', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const first = runtime.advance(10);
    await expect(runtime.advance(10)).rejects.toThrow('driven already');
    await first;
    expect(runtime.monotonic()).toBe(10);
  });
});
