import fc from 'fast-check';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { FailureLimiter } from './failure-limiter';

function build(pairsMax?: number) {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const limiter = new FailureLimiter(runtime, pairsMax);
  const fail = (times: number, client = 'c', address = '127.0.0.1') => {
    for (let index = 0; index < times; index += 1) limiter.record(client, address);
  };
  return { runtime, limiter, fail };
}

describe('FailureLimiter', () => {
  it('lets ten failures pass and holds back what follows until the first is a minute old', () => {
    const { runtime, limiter, fail } = build();
    fail(9);
    expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBeNull();
    runtime.stall(500);
    fail(1);
    expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBe(60);
    runtime.stall(59_499);
    expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBe(1);
    runtime.stall(1);
    expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBeNull();
  });

  it('counts each client at each address for itself', () => {
    const { limiter, fail } = build();
    fail(10, 'c', '10.0.0.1');
    expect(limiter.retryAfterSeconds('c', '10.0.0.1')).not.toBeNull();
    expect(limiter.retryAfterSeconds('c', '10.0.0.2')).toBeNull();
    expect(limiter.retryAfterSeconds('d', '10.0.0.1')).toBeNull();
  });

  it('does not notice when the wall clock jumps', () => {
    const { runtime, limiter, fail } = build();
    fail(10);
    runtime.jumpWallClock(3_600_000);
    expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBe(60);
  });

  it('is bounded, and forgets the pair that failed longest ago', () => {
    const { limiter, fail } = build(2);
    fail(10, 'a');
    fail(10, 'b');
    fail(1, 'a');
    fail(10, 'c');
    const isLimited = (client: string) => limiter.retryAfterSeconds(client, '127.0.0.1') !== null;
    expect(['a', 'b', 'c'].map(isLimited)).toEqual([true, false, true]);
  });

  it('never lets more than ten failures into any minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 100 }), (gaps) => {
        const { runtime, limiter } = build();
        const [tried, waits]: [number[], number[]] = [[], []];
        for (const gap of gaps) {
          runtime.stall(gap);
          const waitSeconds = limiter.retryAfterSeconds('c', 'a');
          waits.push(waitSeconds ?? 1);
          if (waitSeconds !== null) continue;
          limiter.record('c', 'a');
          tried.push(runtime.monotonic());
        }
        expect(waits.every((seconds) => seconds >= 1 && seconds <= 60)).toBe(true);
        for (const [index, at] of tried.entries())
          expect((tried[index + 10] ?? Infinity) - at).toBeGreaterThanOrEqual(60_000);
      }),
    );
  });

  it('lets a try pass whenever fewer than ten failures lie in the last minute', () => {
    const { runtime, limiter, fail } = build();
    for (let round = 0; round < 5; round += 1) {
      fail(10);
      runtime.stall(60_000);
      expect(limiter.retryAfterSeconds('c', '127.0.0.1')).toBeNull();
    }
  });
});
