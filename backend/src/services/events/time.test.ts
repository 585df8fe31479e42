import fc from 'fast-check';

import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { ExactNumber } from '../../types/exact-json';
import { checkWindow, epochToSeconds, parseRfc3339, windowOf } from './time';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

describe('parseRfc3339', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01t00:00:00z', 0],
    ['1985-04-12T23:20:50.52Z', 482_196_050_520],
    ['1996-12-19T16:39:57-08:00', 851_042_397_000],
    ['1937-01-01T12:00:27.87+00:20', -1_041_337_172_130],
    ['2026-11-20T10:00:00+05:45', 1_795_148_100_000],
    ['2026-11-20T10:00:00-00:00', 1_795_168_800_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
    ['2000-02-29T00:00:00Z', 951_782_400_000],
    ['0000-01-01T00:00:00Z', -62_167_219_200_000],
    ['0000-01-01T00:00:00+23:59', -62_167_305_540_000],
    ['0099-12-31T00:00:00Z', -59_011_545_600_000],
    ['9999-12-31T23:59:59.999-23:59', 253_402_387_139_999],
    ['2026-11-20T10:00:00.1Z', 1_795_168_800_100],
    ['2026-11-20T10:00:00.9999999999999999999999999Z', 1_795_168_800_999],
    ['1969-12-31T23:59:59.0001Z', -1_000],
  ])('reads %s as %d', (text, epochMs) => {
    expect(parseRfc3339(text)).toEqual({ epochMs, seconds: Math.floor(epochMs / 1000) });
  });

  it.each([
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z'],
    ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00Z'],
    ['2015-07-01T01:59:60.25+02:00', '2015-07-01T00:00:00.25Z'],
  ])('takes the leap second %s for the second after it', (leap, after) => {
    expect(parseRfc3339(leap)).toEqual(parseRfc3339(after));
    expect(parseRfc3339(leap)).not.toHaveProperty('error');
  });

  it.each([
    ['2016-12-31T23:58:60Z', 'second of 60'],
    ['2016-12-30T23:59:60Z', 'second of 60'],
    ['2016-12-31T23:59:60+01:00', 'second of 60'],
    ['2016-12-31T12:00:60Z', 'second of 60'],
    ['2016-12-31T23:59:61Z', 'time of day'],
    ['2026-02-29T00:00:00Z', 'day'],
    ['2026-02-30T00:00:00Z', 'day'],
    ['1900-02-29T00:00:00Z', 'day'],
    ['2026-04-31T00:00:00Z', 'day'],
    ['2026-01-00T00:00:00Z', 'day'],
    ['2026-01-32T00:00:00Z', 'day'],
    ['2026-00-01T00:00:00Z', 'month'],
    ['2026-13-01T00:00:00Z', 'month'],
    ['2026-01-01T24:00:00Z', 'time of day'],
    ['2026-01-01T23:60:00Z', 'time of day'],
    ['2026-01-01T00:00:00+24:00', 'offset'],
    ['2026-01-01T00:00:00-00:60', 'offset'],
    ['2026-01-01T00:00:00', '"Z" or an offset'],
    ['2026-01-01T00:00:00.123', '"Z" or an offset'],
    ['2026-01-01 00:00:00Z', 'not a space'],
    ['2026-01-01', 'RFC 3339'],
    ['2026-01-01T00:00Z', 'RFC 3339'],
    ['2026-01-01T00:00:00+0200', 'RFC 3339'],
    ['2026-01-01T00:00:00+02', 'RFC 3339'],
    ['2026-01-01T00:00:00\u221202:00', 'RFC 3339'],
    ['2026-01-01T00:00:00.Z', 'RFC 3339'],
    ['2026-01-01T00:00:00,5Z', 'RFC 3339'],
    ['2026-01-01T00:00:00Z ', 'RFC 3339'],
    ['2026-01-01T00:00:00Z\n', 'RFC 3339'],
    ['+002026-01-01T00:00:00Z', 'RFC 3339'],
    ['-0001-01-01T00:00:00Z', 'RFC 3339'],
    ['２026-01-01T00:00:00Z', 'RFC 3339'],
    ['1700000000', 'RFC 3339'],
    ['', 'RFC 3339'],
    [`2026-01-01T00:00:00.${'0'.repeat(44)}Z`, '64 characters'],
    ['2'.repeat(65), '64 characters'],
  ])('refuses %s', (text, reason) => {
    expect(parseRfc3339(text)).toEqual({ error: expect.stringContaining(reason) });
  });

  it(
    'agrees with the calendar of Date on every combination of fields',
    () => {
      fc.assert(fc.property(fieldsArbitrary, expectAsReference), { numRuns: propertyRuns() });
    },
    propertyTimeoutMs,
  );

  it(
    'never throws, and accepts of damaged texts only what is a moment to Date too',
    () => {
      const damaged = fc
        .tuple(
          fieldsArbitrary,
          fc.nat(40),
          fc.constantFrom(
            '0',
            '1',
            '2',
            '3',
            '6',
            '9',
            '-',
            '+',
            ':',
            '.',
            'T',
            't',
            'Z',
            'z',
            ' ',
            ',',
            '',
            '00',
            '\u0660',
          ),
        )
        .map(([fields, at, put]) => textOf(fields).slice(0, at) + put + textOf(fields).slice(at + 1));
      fc.assert(
        fc.property(fc.oneof(damaged, fc.string()), (text) => {
          const result = parseRfc3339(text);
          if ('error' in result || text.includes(':60')) return;
          expect(result.epochMs).toBe(
            Date.parse(
              text
                .toUpperCase()
                .replace(/(\.\d{3})\d+/, '$1')
                .replace('-00:00', 'Z'),
            ),
          );
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});

describe('checkWindow', () => {
  const now = Date.UTC(2026, 10, 20);
  const window = windowOf(now, 7 * DAY_MS, 5 * MINUTE_MS);

  it('accepts both ends and what lies between', () => {
    for (const epochMs of [now - 7 * DAY_MS, now, now + 5 * MINUTE_MS]) expect(checkWindow(epochMs, window)).toBeNull();
  });

  it('says how far outside a time lies and what is accepted', () => {
    expect(checkWindow(now - 8 * DAY_MS, window)).toBe('is 8 days old; at most 7 days are accepted');
    expect(checkWindow(now - 7 * DAY_MS - 1, window)).toBe(
      'is 7 days and 1 millisecond old; at most 7 days are accepted',
    );
    expect(checkWindow(now + 5 * MINUTE_MS + 1000, window)).toBe(
      'lies 5 minutes and 1 second ahead; at most 5 minutes are accepted',
    );
  });
});

describe('epochToSeconds', () => {
  const now = 1_795_168_800_000;
  const window = windowOf(now, 7 * DAY_MS, 5 * MINUTE_MS);

  it.each([
    ['s', 1_795_168_799, 1_795_168_799, 1_795_168_799_000],
    ['ms', 1_795_168_799_999, 1_795_168_799, 1_795_168_799_999],
    ['µs', 1_795_168_799_999_999, 1_795_168_799, 1_795_168_799_999],
    ['ns', new ExactNumber('1795168799999999999'), 1_795_168_799, 1_795_168_799_999],
    ['ns, with a double that holds it', 1_795_168_799_000_000_000, 1_795_168_799, 1_795_168_799_000],
    ['ns, with an exponent', new ExactNumber('1.795168799999999999e18'), 1_795_168_799, 1_795_168_799_999],
    ['ns, with zeros', new ExactNumber('1795168799999999999.000'), 1_795_168_799, 1_795_168_799_999],
  ])('reads %s', (_unit, value, seconds, epochMs) => {
    expect(epochToSeconds(value, window)).toEqual({ seconds, epochMs });
  });

  it('accepts both ends of the window in each unit, and nothing a unit further', () => {
    for (const unitsPerSecond of [1n, 1_000n, 1_000_000n, 1_000_000_000n]) {
      const read = (count: bigint) => epochToSeconds(new ExactNumber(String(count)), window);
      const start = (BigInt(window.startMs) / 1000n) * unitsPerSecond;
      const end = (BigInt(window.endMs) / 1000n) * unitsPerSecond;
      expect(read(start)).toEqual({ seconds: window.startMs / 1000, epochMs: window.startMs });
      expect(read(end)).toEqual({ seconds: window.endMs / 1000, epochMs: window.endMs });
      expect(read(start - 1n)).toHaveProperty('error');
      expect(read(end + (unitsPerSecond > 1000n ? unitsPerSecond / 1000n : 1n))).toHaveProperty('error');
    }
  });

  it.each<number | ExactNumber>([
    0.5,
    1_795_168_799.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new ExactNumber('1795168799.00000000000000001'),
    new ExactNumber('1e-400'),
    new ExactNumber('1'.repeat(65)),
  ])('refuses %p, which is not a whole number', (value) => {
    expect(epochToSeconds(value, window)).toEqual({ error: expect.stringContaining('whole number') });
  });

  it.each<[number | ExactNumber, string]>([
    [1_795_168_800 - 10 * 86_400, 'read in seconds it is 10 days old; at most 7 days are accepted'],
    [now + DAY_MS, 'read in milliseconds it lies 1 day ahead; at most 5 minutes are accepted'],
    [0, 'at most 7 days are accepted'],
    [-1, 'at most 7 days are accepted'],
    [Number.MAX_SAFE_INTEGER, 'none of s, ms, µs and ns'],
    [new ExactNumber('1e400'), 'none of s, ms, µs and ns'],
    [new ExactNumber('-1e999999999'), 'none of s, ms, µs and ns'],
  ])('says of %p that no unit fits', (value, reason) => {
    expect(epochToSeconds(value, window)).toEqual({ error: expect.stringContaining(reason) });
  });

  it('refuses a number that two units fit, which only happens around 1970', () => {
    const around1970 = windowOf(10_000, 7 * DAY_MS, 5 * MINUTE_MS);
    expect(epochToSeconds(5, around1970)).toEqual({ error: expect.stringContaining('seconds or milliseconds or') });
    expect(epochToSeconds(0, around1970)).toEqual({ seconds: 0, epochMs: 0 });
    expect(epochToSeconds(new ExactNumber('-1000000000000001'), windowOf(-1_000_000_000, DAY_MS, 0))).toEqual({
      seconds: -1_000_001,
      epochMs: -1_000_000_001,
    });
  });

  it(
    'gives back the second of every moment in the window, in each unit',
    () => {
      const nanoseconds = fc.bigInt({
        min: BigInt(window.startMs) * 1_000_000n,
        max: BigInt(window.endMs) * 1_000_000n,
      });
      fc.assert(
        fc.property(nanoseconds, fc.constantFrom(1n, 1_000n, 1_000_000n, 1_000_000_000n), (ns, nsPerUnit) => {
          const count = ns / nsPerUnit;
          fc.pre(count * nsPerUnit >= BigInt(window.startMs) * 1_000_000n);
          const value = count > 9_007_199_254_740_991n ? new ExactNumber(String(count)) : Number(count);
          const expected = (count * nsPerUnit) / 1_000_000_000n;
          expect(epochToSeconds(value, window)).toMatchObject({ seconds: Number(expected) });
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});

function expectAsReference(fields: Fields): void {
  const expected = referenceOf(fields) ?? { error: expect.any(String) as string };
  expect(parseRfc3339(textOf(fields))).toEqual(expected);
}

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly fraction: string;
  readonly offset: { readonly sign: '+' | '-'; readonly hour: number; readonly minute: number } | null;
}

const mostly = (max: number, odd: number) =>
  fc.oneof({ weight: 12, arbitrary: fc.nat(max) }, { weight: 1, arbitrary: fc.constant(odd) });

const fieldsArbitrary: fc.Arbitrary<Fields> = fc.record({
  year: fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(0, 4, 99, 100, 400, 1900, 2000, 2024, 2100)),
  month: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 13) },
  ),
  day: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 31 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 28, 29, 30, 31, 32) },
  ),
  hour: mostly(23, 24),
  minute: mostly(59, 60),
  second: mostly(59, 61),
  fraction: fc.oneof(fc.constant(''), fc.stringMatching(/^[0-9]{1,20}$/)),
  offset: fc.option(
    fc.record({ sign: fc.constantFrom('+' as const, '-' as const), hour: mostly(23, 24), minute: mostly(59, 60) }),
  ),
});

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

function textOf({ year, month, day, hour, minute, second, fraction, offset }: Fields): string {
  const zone = offset === null ? 'Z' : `${offset.sign}${pad(offset.hour)}:${pad(offset.minute)}`;
  const decimals = fraction === '' ? '' : `.${fraction}`;
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}${decimals}${zone}`;
}

/**
 * The same by Date's calendar: what it rolls over to another field did not exist. Null: to be
 * refused.
 */
function referenceOf(fields: Fields): { epochMs: number; seconds: number } | null {
  const { year, month, day, hour, minute, second, fraction, offset } = fields;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.toISOString() !== textOf({ ...fields, fraction: '000', offset: null })) return null;
  if (offset !== null && (offset.hour > 23 || offset.minute > 59)) return null;
  const offsetMinutes = offset === null ? 0 : (offset.hour * 60 + offset.minute) * (offset.sign === '+' ? 1 : -1);
  date.setUTCMinutes(minute - offsetMinutes);
  const epochMs = date.getTime() + Math.floor(Number(`0.${`${fraction}000`.slice(0, 3)}5`) * 1000);
  return { epochMs, seconds: Math.floor(epochMs / 1000) };
}
