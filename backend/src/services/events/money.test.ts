import fc from 'fast-check';

import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { ExactNumber } from '../../types/exact-json';
import { toCents } from './money';

const cents = (value: number | string | ExactNumber) => toCents(value);
const RANGE = 'must be from 0 to 1000000000; only an event that the catalogue marks `negative` may be less';

describe('toCents', () => {
  it.each<[number | string, number]>([
    [0, 0],
    [-0, 0],
    ['-0', 0],
    ['-0.00', 0],
    [1, 100],
    [19.99, 1999],
    ['19.99', 1999],
    ['19.990', 1999],
    ['019.99', 1999],
    [1.005, 101],
    [0.285, 29],
    [1.015, 102],
    [8.345, 835],
    [1.0049999, 100],
    ['1.00499999999999999999999999', 100],
    ['0.005', 1],
    ['0.0049', 0],
    [0.1 + 0.2, 30],
    [1e2, 10_000],
    [1e-7, 0],
    [5e-324, 0],
    [1e9, 100_000_000_000],
    ['1000000000.000', 100_000_000_000],
    [999_999_999.995, 100_000_000_000],
    ['999999999.99', 99_999_999_999],
    ['0', 0],
    ['0.0', 0],
    ['00', 0],
    ['1234567890'.slice(0, 9), 12_345_678_900],
  ])('reads %p as %p hundredths', (value, expected) => {
    expect(cents(value)).toEqual({ cents: expected });
  });

  it.each([
    ['1.00500000000000000000001', 101],
    ['19.9900000000000000000001', 1999],
    ['1e-400', 0],
    ['1e-999999999', 0],
    ['123456.78900000000000000000001e-4', 1235],
    ['0.00000000000000000001999999999999999999e21', 2000],
    ['-0', 0],
    ['0e999999999', 0],
  ])('reads the exact number %s', (text, expected) => {
    expect(cents(new ExactNumber(text))).toEqual({ cents: expected });
  });

  it.each<number | string | ExactNumber>([
    -0.001,
    -1,
    -5e-324,
    '-1',
    '-0.001',
    1_000_000_000.001,
    1e13,
    1.7976931348623157e308,
    '1000000000.00000000001',
    '1000000001',
    '9999999999',
    '12345678901234567890',
    new ExactNumber('1e400'),
    new ExactNumber('1e999999999'),
    new ExactNumber('1e99999999999999999999999999'),
    new ExactNumber('-1e-400'),
    new ExactNumber('1000000000.00000000000000000001'),
  ])('says that %p is out of range', (value) => {
    expect(cents(value)).toEqual({ error: RANGE });
  });

  it.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '+1',
    '--1',
    '-',
    '0x10',
    '1,5',
    '1_000',
    '1.',
    '.5',
    '1.2.3',
    '1e3',
    '１',
    '٣',
    'NaN',
  ])('refuses the string %p', (value) => {
    expect(cents(value)).toEqual({ error: expect.stringContaining('"19.99"') });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses the number %p', (value) => {
    expect(cents(value)).toEqual({ error: 'must be a finite number' });
  });

  it.each<[number | string | ExactNumber, number]>([
    [-1.005, -101],
    ['-1.005', -101],
    ['-1.0049', -100],
    [-0.001, 0],
    ['-0.00', 0],
    [-19.99, -1999],
    [new ExactNumber('-1.00500000000000000000001'), -101],
    [-1e9, -100_000_000_000],
    [1.005, 101],
  ])('reads %p as %p hundredths where it may be negative', (value, expected) => {
    const read = toCents(value, true);
    expect(read).toEqual({ cents: expected });
    expect(Object.is('cents' in read && read.cents, -0)).toBe(false);
  });

  it.each<number | string | ExactNumber>([
    -1_000_000_000.001,
    1_000_000_000.001,
    '-1000000001',
    new ExactNumber('-1e400'),
  ])('says that %p is out of range where it may be negative', (value) => {
    expect(toCents(value, true)).toEqual({ error: 'must be from -1000000000 to 1000000000' });
  });

  it('bounds the length of what it reads', () => {
    expect(cents(`1.${'0'.repeat(62)}`)).toEqual({ cents: 100 });
    const tooLong = { error: 'must be at most 64 characters long' };
    expect(cents(`1.${'0'.repeat(63)}`)).toEqual(tooLong);
    expect(cents('9'.repeat(400))).toEqual(tooLong);
    expect(cents(' '.repeat(1_000_000))).toEqual(tooLong);
    expect(cents(new ExactNumber(`1.${'0'.repeat(400)}1`))).toEqual(tooLong);
  });

  it(
    'agrees with long division over BigInt on any decimal text',
    () => {
      fc.assert(
        fc.property(decimalArbitrary, (decimal) => {
          const text = `${decimal.integer}.${decimal.fraction}e${decimal.exponent}`;
          expect(toCents(new ExactNumber(text))).toEqual(reference(decimal));
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'reads a decimal string, and a number with at most 15 digits, as the same text',
    () => {
      fc.assert(
        fc.property(fc.nat(1_000_000_000), fc.stringMatching(/^[0-9]{1,6}$/), (integer, fraction) => {
          const text = `${integer}.${fraction}`;
          const expected = reference({ integer: String(integer), fraction, exponent: 0 });
          expect(toCents(text)).toEqual(expected);
          expect(toCents(Number(text))).toEqual(expected);
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'never throws and never gives anything but cents in range, whatever the number',
    () => {
      fc.assert(
        fc.property(fc.oneof(fc.double(), fc.string(), fc.stringMatching(/^[-+0-9.eE]{0,12}$/)), (value) => {
          const result = toCents(value);
          if ('error' in result) return;
          expect(Number.isSafeInteger(result.cents)).toBe(true);
          expect(Object.is(result.cents, -0)).toBe(false);
          expect(result.cents).toBeGreaterThanOrEqual(0);
          expect(Math.abs(result.cents - Number(value) * 100)).toBeLessThanOrEqual(0.5 + Number(value) * 1e-12);
          expect(toCents(value, true)).toEqual(result);
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});

interface Decimal {
  readonly integer: string;
  readonly fraction: string;
  readonly exponent: number;
}

const decimalArbitrary: fc.Arbitrary<Decimal> = fc.record({
  integer: fc.stringMatching(/^(0|[1-9][0-9]{0,14})$/),
  // Fives and zeros make the half-cents, where rounding goes wrong.
  fraction: fc.oneof(fc.stringMatching(/^[0-9]{1,20}$/), fc.stringMatching(/^[0-9]{0,2}[45][059]{1,10}$/)),
  exponent: fc.oneof(fc.constant(0), fc.integer({ min: -20, max: 20 })),
});

/** The same question as one fraction of two integers, divided once. */
function reference({ integer, fraction, exponent }: Decimal): { cents: number } | { error: string } {
  const power = exponent - fraction.length;
  const numerator = BigInt(integer + fraction) * (power > 0 ? 10n ** BigInt(power) : 1n);
  const denominator = power < 0 ? 10n ** BigInt(-power) : 1n;
  if (numerator > 1_000_000_000n * denominator) return { error: RANGE };
  return { cents: Number((numerator * 200n + denominator) / (denominator * 2n)) };
}
