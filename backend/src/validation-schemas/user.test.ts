import fc from 'fast-check';

import { propertyRuns } from '../../test/support/property-runs';
import { AppError } from '../errors';
import { readPlainSummaryQuery, readSummaryQuery, readUserId, summaryQuerySchema } from './user';

const flag = fc.constantFrom('true', 'false', 'TRUE', ' true', '1', '', 'yes');
const seconds = fc.oneof(
  fc.nat({ max: 3_000_000_000 }).map(String),
  fc.constantFrom('00', '01', '+5', '-1', '1e3', '1.5', '0x10', ' 7 ', '', '2147483647', '2147483648', 'NaN'),
);
const query = fc.record(
  {
    includeAnalytics: fc.oneof(flag, fc.array(flag)),
    maxAge: fc.oneof(seconds, fc.array(seconds)),
    other: fc.string(),
  },
  { requiredKeys: [], noNullPrototype: false },
);

describe('readSummaryQuery', () => {
  it('reads plainly only what the schema reads the same', () => {
    let plain = 0;
    fc.assert(
      fc.property(query, (given) => {
        const read = readPlainSummaryQuery(given);
        if (read === null) return;
        plain += 1;
        const { includeAnalytics, ...options } = read;
        const { value, error } = summaryQuerySchema.validate({ ...given });
        expect(error).toBeUndefined();
        expect({ includeAnalytics: false, ...value }).toEqual({ includeAnalytics, ...options });
      }),
      { numRuns: propertyRuns(2_000) },
    );
    expect(plain).toBeGreaterThan(0);
  });

  it.each([
    [{}, { includeAnalytics: false, maxAgeMs: null }],
    [{ includeAnalytics: 'true' }, { includeAnalytics: true, maxAgeMs: null }],
    [
      { includeAnalytics: 'false', maxAge: '0' },
      { includeAnalytics: false, maxAgeMs: 0 },
    ],
    [
      { includeAnalytics: 'TRUE', maxAge: '2147483647' },
      { includeAnalytics: true, maxAgeMs: 2_147_483_647_000 },
    ],
  ])('reads %j', (given, options) => {
    expect(readSummaryQuery(Object.assign(Object.create(null) as object, given))).toEqual(options);
  });

  it.each([[{ maxAge: '-1' }], [{ maxAge: '1.5' }], [{ includeAnalytics: 'yes' }], [{ other: '1' }]])(
    'refuses %j',
    (given) => {
      expect(() => readSummaryQuery(given)).toThrow(AppError);
    },
  );
});

describe('readUserId', () => {
  it.each(['user1', '...', 'a'.repeat(64)])('takes %s', (id) => {
    expect(readUserId(id)).toBe(id);
  });

  it.each(['', '.', '..', 'a'.repeat(65), 'a b', 'é', undefined])('refuses %j', (id) => {
    expect(() => readUserId(id)).toThrow(AppError);
  });
});
