import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { RetryBudget } from './retry-budget';

function spendAll(budget: RetryBudget): number {
  let spent = 0;
  while (spent < 10_000 && budget.trySpend()) spent += 1;
  return spent;
}

describe('RetryBudget', () => {
  it('grants a share of the first tries plus the floor, and no more until the window has moved on', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const budget = new RetryBudget(runtime, { ratio: 0.2, floorPerSecond: 1 });
    for (let call = 0; call < 100; call += 1) budget.recordCall();
    expect(spendAll(budget)).toBe(30);
    await runtime.advance(9_999);
    expect(budget.trySpend()).toBe(false);
    await runtime.advance(251);
    expect(spendAll(budget)).toBe(10);
  });

  it('forgets the first tries when the window has moved on', async () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const budget = new RetryBudget(runtime, { ratio: 1, floorPerSecond: 0 });
    budget.recordCall();
    await runtime.advance(9_000);
    expect(budget.trySpend()).toBe(true);
    await runtime.advance(20_000);
    expect(budget.trySpend()).toBe(false);
  });

  it('spends n at once or nothing', () => {
    const budget = new RetryBudget(new SimulatedRuntime({ seed: 1 }), { ratio: 0, floorPerSecond: 1 });
    expect(budget.trySpend(11)).toBe(false);
    expect(budget.trySpend(8)).toBe(true);
    expect(budget.trySpend(3)).toBe(false);
    expect(budget.trySpend(2)).toBe(true);
  });

  it('grants nothing with ratio 0 and floor 0, and refuses senseless options', () => {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const budget = new RetryBudget(runtime, { ratio: 0, floorPerSecond: 0 });
    budget.recordCall();
    expect(budget.trySpend()).toBe(false);
    expect(() => new RetryBudget(runtime, { ratio: -1, floorPerSecond: 0 })).toThrow(RangeError);
    expect(() => new RetryBudget(runtime, { ratio: NaN, floorPerSecond: 0 })).toThrow(RangeError);
  });

  it(
    'property: never overspent in the 10 s that end with a granted retry, and never stingy by more than one slice',
    () => {
      const step = fc.record({ passMs: fc.oneof(fc.nat(300), fc.nat(6_000)), calls: fc.nat(6), wanted: fc.nat(8) });
      const options = fc.record({
        ratio: fc.constantFrom(0, 0.1, 0.5, 1),
        floorPerSecond: fc.constantFrom(0, 0.1, 0.5),
      });
      fc.assert(
        fc.property(
          options,
          fc.array(step, { maxLength: 40, size: 'max' }),
          fc.nat(20_000),
          ({ ratio, floorPerSecond }, steps, startMs) => {
            const runtime = new SimulatedRuntime({ seed: 1 });
            runtime.stall(startMs);
            const budget = new RetryBudget(runtime, { ratio, floorPerSecond });
            const calls: number[] = [];
            const retries: number[] = [];
            const within = (moments: number[], ms: number): number =>
              moments.filter((at) => at > runtime.monotonic() - ms).length;
            for (const { passMs, calls: newCalls, wanted } of steps) {
              runtime.stall(passMs);
              for (let n = 0; n < newCalls; n += 1) {
                budget.recordCall();
                calls.push(runtime.monotonic());
              }
              for (let n = 0; n < wanted; n += 1) {
                const floor = floorPerSecond * 10;
                const isGranted = budget.trySpend();
                if (isGranted) retries.push(runtime.monotonic());
                const isRight = isGranted
                  ? within(retries, 10_000) <= ratio * within(calls, 10_000) + floor
                  : within(retries, 10_250) + 1 > ratio * within(calls, 9_750) + floor;
                if (!isRight) throw new Error(`${isGranted ? 'Granted' : 'Refused'} at ${runtime.monotonic()} ms.`);
              }
            }
          },
        ),
        { numRuns: propertyRuns(2_000) },
      );
    },
    propertyTimeoutMs,
  );
});
