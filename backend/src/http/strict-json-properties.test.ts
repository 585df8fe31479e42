import { isUtf8 } from 'node:buffer';

import fc from 'fast-check';

import { refusal, refusalOf } from '../../test/support/json-refusal';
import { propertyRuns, propertyTimeoutMs } from '../../test/support/property-runs';
import { ExactNumber } from '../types/exact-json';
import { parseStrictJson } from './strict-json';
import { decodeUtf8 } from './utf8';

const HOSTILE_CHARACTERS = '{}[]:,"\\ 0123456789.eE+-truefalsn/ub\n\t\u0000\ufeff\ud800\udc00';

describe('parseStrictJson, on random texts', () => {
  it(
    'gives back what JSON.stringify wrote',
    () => {
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' }), fc.nat(3), (value, indent) => {
          expectAgreement(JSON.stringify(value, null, indent));
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'accepts of damaged texts none that JSON.parse refuses, and refuses one that it takes only for a reason of its own',
    () => {
      const piece = fc.oneof(
        fc.nat(HOSTILE_CHARACTERS.length - 1).map((at) => HOSTILE_CHARACTERS.charAt(at)),
        fc.constantFrom(
          '\\u0000',
          '\\ud83d',
          '\\ude00',
          '"a":',
          '"a":1,',
          '"__proto__":',
          '[[[[',
          'null',
          '1e999',
          '\\u',
        ),
      );
      const damaged = fc
        .tuple(fc.json({ maxDepth: 4 }), fc.array(fc.tuple(fc.nat(), piece, fc.nat(2)), { minLength: 1, maxLength: 3 }))
        .map(([text, cuts]) => cuts.reduce(damage, text));
      fc.assert(
        fc.property(
          fc.oneof(
            damaged,
            fc.array(piece).map((pieces) => pieces.join('')),
          ),
          expectAgreement,
        ),
        {
          numRuns: propertyRuns(),
        },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'turns into a JS number only what one writes the same way, and keeps the text of any other',
    () => {
      const digits = (max: number) => fc.stringMatching(new RegExp(`^(0|[1-9][0-9]{0,${max}})$`));
      const token = fc
        .tuple(
          fc.constantFrom('', '-'),
          fc.oneof(digits(20), fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }).map(String)),
          fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,18}0{0,9}$/)),
          fc.oneof(
            fc.constant(''),
            fc.integer({ min: -330, max: 330 }).map((power) => `e${power}`),
          ),
        )
        .map((parts) => parts.join(''));
      fc.assert(fc.property(token, expectExactness), { numRuns: propertyRuns() });
    },
    propertyTimeoutMs,
  );
});

describe('decodeUtf8, on random bytes', () => {
  it(
    'accepts exactly the valid UTF-8 without a byte order mark, and loses none of it',
    () => {
      const byte = fc.oneof(
        fc.nat(255),
        fc.constantFrom(0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xbb, 0xbf, 0xf0, 0xf4, 0x80, 0x90),
      );
      fc.assert(fc.property(fc.array(byte, { maxLength: 8 }), expectSameBytes), { numRuns: propertyRuns() });
    },
    propertyTimeoutMs,
  );
});

/**
 * JSON.parse and parseStrictJson see the same in a text, except for what only the latter refuses.
 */
function expectAgreement(text: string): void {
  let loose: unknown;
  let looseRefuses = false;
  try {
    loose = JSON.parse(text);
  } catch {
    looseRefuses = true;
  }
  const detail = refusalOf(text);
  if (detail === undefined) {
    expect(looseRefuses).toBe(false);
    expect(rounded(parseStrictJson(text))).toEqual(rounded(loose));
  } else if (!looseRefuses) {
    expect(detail).toMatch(/twice|the key "|surrogate pair|NUL|nesting/);
  }
}

/**
 * A number is read into a double only if that writes the same text, and has a double only if that
 * keeps it exactly.
 */
function expectExactness(text: string): void {
  const read = parseStrictJson(text) as number | ExactNumber;
  if (!(read instanceof ExactNumber)) {
    expect(String(read)).toBe(text);
    return;
  }
  expect(read.text).toBe(text);
  expect(String(Number(text)) === text && read.double !== null).toBe(false);
  if (read.double !== null) {
    expect(normalise(String(read.double))).toEqual(normalise(text));
    return;
  }
  const [mantissa, power] = normalise(text);
  const digitCount = String(mantissa).replace('-', '').length;
  expect(digitCount > 15 || Math.abs(power + digitCount) > 306).toBe(true);
  expect(Number.isSafeInteger(Number(text)) && power >= 0).toBe(false);
}

/** Bytes are decoded without loss if they are UTF-8 without a byte order mark, and else refused. */
function expectSameBytes(bytes: readonly number[]): void {
  const buffer = Buffer.from(bytes);
  if (isUtf8(buffer) && !buffer.subarray(0, 3).equals(Buffer.from('\ufeff'))) {
    expect(Buffer.from(decodeUtf8(buffer))).toEqual(buffer);
  } else {
    expect(refusal(() => decodeUtf8(buffer), 'invalid_encoding')).toBeDefined();
  }
}

/** With every number as JSON.parse has it, and no minus zero. */
function rounded(value: unknown): unknown {
  if (value instanceof ExactNumber) return rounded(Number(value.text));
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rounded(member)]));
}

function damage(text: string, [at, piece, drop]: [number, string, number]): string {
  const index = at % (text.length + 1);
  return text.slice(0, index) + piece + text.slice(index + drop);
}

/** A number's text as mantissa × 10^power, with no zero at the mantissa's end. */
function normalise(text: string): [mantissa: bigint, power: number] {
  const [mantissaText = '', powerText = '0'] = text.split('e');
  const [integer = '', fraction = ''] = mantissaText.split('.');
  let mantissa = BigInt(integer + fraction);
  let power = Number(powerText) - fraction.length;
  if (mantissa === 0n) return [0n, 0];
  for (; mantissa % 10n === 0n; mantissa /= 10n) power++;
  return [mantissa, power];
}
