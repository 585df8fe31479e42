import { circuitOptions } from './circuit-options';

describe('circuitOptions', () => {
  it.each([
    [{ windowCalls: 0 }, 'windowCalls'],
    [{ windowMs: 0 }, 'windowMs'],
    [{ failureRatio: 0 }, 'failureRatio'],
    [{ failureRatio: 1.1 }, 'failureRatio'],
    [{ minimumCalls: 0.5 }, 'minimumCalls'],
    [{ failuresInARow: 0 }, 'failuresInARow'],
    [{ failuresInWindow: NaN }, 'failuresInWindow'],
    [{ cooldownMs: 0 }, 'cooldownMs'],
    [{ cooldownMs: 5_000, maxCooldownMs: 4_000 }, 'maxCooldownMs'],
    [{ jitter: 1 }, 'jitter'],
    [{ probesToClose: 0 }, 'probesToClose'],
  ])('refuses %j', (options, named) => {
    expect(() => circuitOptions(options)).toThrow(named);
  });

  it('fills in what is left out', () => {
    expect(circuitOptions({ cooldownMs: 700 })).toMatchObject({
      cooldownMs: 700,
      failuresInARow: 5,
      failuresInWindow: Infinity,
    });
    expect(circuitOptions({}).cooldownMs).toBe(5_000);
  });
});
