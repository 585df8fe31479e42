import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { seededRandom } from '../../../test/support/seeded-random';
import { aroundJitter, fullJitter, retryAfterMs, retryDelayMs } from './backoff';

const numRuns = propertyRuns();
const hour = 3_600_000;
const attempts = fc.integer({ min: 1, max: 5_000 });
const dice = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

function mean(of: () => number): number {
  let sum = 0;
  for (let draw = 0; draw < 20_000; draw += 1) sum += of();
  return sum / 20_000;
}

describe('fullJitter', () => {
  it(
    'lies anywhere from 0 to base × 2^(n−1), never above the cap',
    () => {
      fc.assert(
        fc.property(
          attempts,
          fc.integer({ min: 1, max: 5_000 }),
          fc.integer({ min: 1, max: hour }),
          dice,
          (n, baseMs, maxMs, roll) => {
            const delay = fullJitter(n, { baseMs, maxMs }, () => roll);
            return delay >= 0 && delay <= Math.min(maxMs, baseMs * 2 ** Math.min(n - 1, 1000));
          },
        ),
        { numRuns },
      );
    },
    propertyTimeoutMs,
  );

  it('uses the whole of the range', () => {
    expect(fullJitter(4, { baseMs: 100, maxMs: hour }, () => 0)).toBe(0);
    expect(fullJitter(4, { baseMs: 100, maxMs: hour }, () => 0.75)).toBe(600);
    expect(fullJitter(4, { baseMs: 100, maxMs: 400 }, () => 0.75)).toBe(300);
  });
});

describe('retryDelayMs', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [12, 2_048_000],
  ])('is about base × 2^(n−1) after attempt %i: %i ms', (attempt, expected) => {
    const random = seededRandom(attempt);
    const average = mean(() => retryDelayMs(attempt, { baseMs: 1_000, maxMs: hour }, () => random.next()));
    expect(average / expected).toBeGreaterThan(0.98);
    expect(average / expected).toBeLessThan(1.02);
  });

  it(
    'is a whole number between half and one and a half of that, below the cap, for any attempt',
    () => {
      fc.assert(
        fc.property(
          attempts,
          fc.integer({ min: 1, max: 60_000 }),
          fc.integer({ min: 1, max: hour }),
          dice,
          (n, baseMs, maxMs, roll) => {
            const delay = retryDelayMs(n, { baseMs, maxMs }, () => roll);
            const middle = Math.min(baseMs * 2 ** Math.min(n - 1, 1000), (maxMs * 2) / 3);
            const isInRange = delay >= Math.floor(middle / 2) && delay <= Math.min(middle * 1.5, maxMs);
            return isInRange && Number.isSafeInteger(delay);
          },
        ),
        { numRuns },
      );
    },
    propertyTimeoutMs,
  );

  it('stays spread out at the cap instead of piling up on it', () => {
    const options = { baseMs: 1_000, maxMs: hour };
    expect(aroundJitter(3_000, options, () => 0)).toBeCloseTo(hour / 3, 5);
    expect(aroundJitter(3_000, options, () => 0.5)).toBeCloseTo((hour * 2) / 3, 5);
    expect(aroundJitter(3_000, options, () => 0.999999)).toBeGreaterThan(hour * 0.99);
  });

  it('treats attempts below 1 as the first', () => {
    expect(retryDelayMs(0, { baseMs: 1_000, maxMs: hour }, () => 0.5)).toBe(1_000);
    expect(retryDelayMs(-7, { baseMs: 1_000, maxMs: hour }, () => 0.5)).toBe(1_000);
  });
});

describe('retryAfterMs', () => {
  const now = Date.UTC(1994, 10, 6, 8, 49, 0);

  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['3600', hour],
    ['3601', hour],
    ['99999999999999999999999999', hour],
    ['9'.repeat(5_000), hour],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 37_000],
    ['Mon, 07 Nov 1994 08:49:37 GMT', hour],
    ['Fri, 31 Dec 9999 23:59:59 GMT', hour],
    ['Sun, 06 Nov 1994 08:48:59 GMT', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('reads %j', (header, expected) => {
    expect(retryAfterMs(header, now, hour)).toBe(expected);
  });

  it.each([
    undefined,
    null,
    '',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    '5s',
    '5, 6',
    'soon',
    'NaN',
    'Infinity',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Wed, 30 Feb 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun Nov 6 08:49:37 1994',
    // The obsolete forms of RFC 9110, 5.6.7, and a leap second.
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun, 06 Nov 1994 08:49:60 GMT',
  ])('ignores %j', (header) => {
    expect(retryAfterMs(header, now, hour)).toBeNull();
  });

  it(
    'reads back every date',
    () => {
      const seconds = fc.integer({ min: Date.UTC(1990, 0, 1) / 1000, max: Date.UTC(2039, 11, 31) / 1000 });
      fc.assert(
        fc.property(seconds, (second) => {
          const fixdate = new Date(second * 1000).toUTCString();
          return retryAfterMs(fixdate, second * 1000 - 5_000, hour) === 5_000;
        }),
        { numRuns },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'never throws and never leaves 0 … cap, whatever the header holds',
    () => {
      fc.assert(
        fc.property(
          fc.string({ unit: fc.constantFrom(...'0123456789 ,:-+.eGMTSunNov\u0000é'.split('')) }),
          (header) => {
            const ms = retryAfterMs(header, now, hour);
            return ms === null || (ms >= 0 && ms <= hour);
          },
        ),
        { numRuns },
      );
    },
    propertyTimeoutMs,
  );
});
