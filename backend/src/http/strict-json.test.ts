import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { refusal, refusalOf } from '../../test/support/json-refusal';
import { ExactNumber } from '../types/exact-json';
import { parseStrictJson } from './strict-json';
import { decodeUtf8 } from './utf8';

const MEBIBYTE = 1024 * 1024;

describe('parseStrictJson', () => {
  it('reads every kind of value', () => {
    const text =
      ' { "a" : [ 1 , -2.5 , "x\\u00e9\\n\\"" , true , false , null , { } , [ ] ] , "" : "\u2028\u007f" }\t\r\n';
    expect(parseStrictJson(text)).toEqual({ a: [1, -2.5, 'xé\n"', true, false, null, {}, []], '': '\u2028\u007f' });
  });

  it.each(['"a"', '1', 'null', '[]', '{}'])('takes %s as a whole document', (text) => {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  it('reads keys that every object inherits as plain keys', () => {
    const text = '{"toString":1,"hasOwnProperty":2,"valueOf":{"__defineGetter__":3},"__proto":4}';
    expect(JSON.stringify(parseStrictJson(text))).toBe(text);
  });

  it('reads escaped and raw surrogate pairs alike', () => {
    expect(parseStrictJson('["\\ud83d\\ude00","😀","\\uDBFF\\uDFFF"]')).toEqual(['😀', '😀', '\u{10ffff}']);
  });

  it.each([
    ['', 'line 1, column 1: the text is empty'],
    [' \n ', 'line 2, column 2: the text is empty'],
    ['\ufeff{}', 'line 1, column 1: a byte order mark'],
    ['{"a":1,"b":2,"a":3}', 'line 1, column 14: this key stands twice'],
    ['{"a":1,"\\u0061":3}', 'line 1, column 8: this key stands twice'],
    ['{"toString":1,"toString":1}', 'line 1, column 15: this key stands twice'],
    ['{"1":1,"1":1}', 'line 1, column 8: this key stands twice'],
    ['{"a":null,"a":null}', 'column 11: this key stands twice'],
    ['[{"a":{"__proto__":1}}]', 'column 8: the key "__proto__"'],
    ['{"\\u005f_proto__":{"isAdmin":true}}', 'column 2: the key "__proto__"'],
    ['{"constructor":1}', 'the key "constructor"'],
    ['{"prototype":1}', 'the key "prototype"'],
    ['"a\\u0000b"', 'line 1, column 3: the character NUL'],
    ['{"\\u0000":1}', 'the character NUL'],
    ['"\\ud800"', 'column 2: half of a surrogate pair'],
    ['"\\ud800\\u0041"', 'half of a surrogate pair'],
    ['"\\ud800x"', 'half of a surrogate pair'],
    ['"\\ud800\\ud800"', 'half of a surrogate pair'],
    ['"\\udc00"', 'half of a surrogate pair'],
    ['"\\udc00\\ud800"', 'half of a surrogate pair'],
    ['"\\udc00\\udc00"', 'half of a surrogate pair'],
    ['"\udc00\udc00"', 'half of a surrogate pair'],
    ['{"\\udc00":1}', 'half of a surrogate pair'],
    ['"\ud800"', 'half of a surrogate pair'],
    ['"a\udc00"', 'half of a surrogate pair'],
    ['"\\ud83d\ude00"', 'half of a surrogate pair'],
    ['"a\u0000b"', 'a control character'],
    ['"a\nb"', 'a control character'],
    ['"a\u001fb"', 'a control character'],
    ['"\\x41"', 'column 2: a backslash must be followed by'],
    ['"\\\'"', 'a backslash must be followed by'],
    ['"\\', 'a backslash must be followed by'],
    ['"\\u12', 'four hexadecimal digits'],
    ['"\\u00g0"', 'four hexadecimal digits'],
    ['"\\u+041"', 'four hexadecimal digits'],
    ['"abc', 'column 5: expected the closing quote of a string, found the end of the text'],
    ['01', 'a superfluous zero'],
    ['-01', 'column 2: a number must not start with a superfluous zero'],
    ['00', 'a superfluous zero'],
    ['1.', 'expected a digit after the decimal point, found the end of the text'],
    ['[1.]', "expected a digit after the decimal point, found ']'"],
    ['.5', "found '.'"],
    ['+1', "found '+'"],
    ['-', 'expected a digit, found the end of the text'],
    ['-a', "expected a digit, found 'a'"],
    ['1e', 'a digit in the exponent'],
    ['1e+', 'a digit in the exponent'],
    ['0x10', "expected the end of the text, after one complete JSON value, found 'x'"],
    ['1_000', "found '_'"],
    ['NaN', "expected a JSON value, found 'N'"],
    ['-Infinity', "found 'I'"],
    ['nul', "found 'n'"],
    ['True', "found 'T'"],
    ['undefined', "found 'u'"],
    ["{'a':1}", "expected a key in double quotes, found '''"],
    ['{a:1}', 'expected a key in double quotes'],
    ['{"a":1,}', "expected a key in double quotes, found '}'"],
    ['{"a"}', 'expected ":" after the key'],
    ['{"a":}', 'expected a JSON value'],
    ['{"a":1 "b":2}', 'expected "," or "}"'],
    ['{', 'found the end of the text'],
    ['[1,]', "expected a JSON value, found ']'"],
    ['[,1]', "found ','"],
    ['[1 2]', 'expected "," or "]"'],
    ['[1', 'expected "," or "]", found the end of the text'],
    ['{} {}', 'expected the end of the text'],
    ['{}\n\n  x', 'line 3, column 3'],
    ['1 // one', 'expected the end of the text'],
    ['[1]\u00a0', 'found U+00A0'],
    ['\u000b1', 'found U+000B'],
    ['["😀é", 😀]', 'line 1, column 8: expected a JSON value, found U+1F600'],
  ])('refuses %j', (text, detail) => {
    expect(refusalOf(text)).toContain(detail);
  });

  it('accepts 32 levels and refuses the 33rd where it opens', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(refusalOf(nested(32))).toBeUndefined();
    expect(refusalOf(nested(33))).toContain('column 33: nesting is deeper than 32 levels');
    expect(refusalOf('{"a":'.repeat(33) + '1' + '}'.repeat(33))).toContain('nesting is deeper than 32');
    expect(refusalOf(`[${nested(31)},${nested(31)}]`)).toBeUndefined();
    expect(refusal(() => parseStrictJson('[[1]]', { maxDepth: 1 }))).toContain('deeper than 1 level');
  });

  it.each([
    ['0', 0],
    ['-0', 0],
    ['-0.0', 0],
    ['-0e5', 0],
    ['0e999999999999', 0],
    [`0.${'0'.repeat(400)}`, 0],
    ['19.99', 19.99],
    ['100.000000000000000000000', 100],
    ['1e2', 100],
    ['1E+2', 100],
    ['25e-1', 2.5],
    ['1e300', 1e300],
    ['1.5e-300', 1.5e-300],
    ['0.1e308', 1e307],
    ['0.1e-306', 1e-307],
    ['0.00000000000000000000123456789012345', 1.23456789012345e-21],
    ['123456789012345', 123_456_789_012_345],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', Number.MIN_SAFE_INTEGER],
    ['9007199254740991.000', Number.MAX_SAFE_INTEGER],
    ['9.007199254740991e15', Number.MAX_SAFE_INTEGER],
    ['1700000000000000000', 1_700_000_000_000_000_000],
    ['0.123456789012345', 0.123456789012345],
  ])('reads %s as a number that a double keeps, in its own spelling', (text, value) => {
    const [read] = parseStrictJson(`[${text}]`) as [number | ExactNumber];
    const double = read instanceof ExactNumber ? read.double : read;
    expect(double).toBe(value);
    expect(read instanceof ExactNumber ? read.text : String(read)).toBe(text);
  });

  it.each([
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '1700000000000000001',
    '1700000000123456789',
    '0.1234567890123456',
    '900719925474099.1',
    '9007199254740991.1',
    '1e400',
    '-1e400',
    '1e-400',
    '1e308',
    '0.1e309',
    '0.1e-307',
    '1.234567890123456e-400',
    '5e-324',
    '123456789012345678901234567890',
    '1e99999999999999999999999999999',
    '1e-99999999999999999999999999999',
  ])('keeps %s as its text', (text) => {
    const read = parseStrictJson(`{"a":[${text}]}`);
    expect(read).toEqual({ a: [new ExactNumber(text)] });
    const [number] = (read as { a: unknown[] }).a;
    expect(number).toBeInstanceOf(ExactNumber);
    expect((number as ExactNumber).double).toBeNull();
  });

  it.each<[string, string, string]>([
    ['brackets', '['.repeat(5 * MEBIBYTE), 'nesting'],
    ['braces', '{"a":'.repeat(MEBIBYTE), 'nesting'],
    ['half a million keys', `{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":1`).join(',')}}`, 'accepted'],
    [
      'half a million numbers as keys',
      `{${Array.from({ length: 500_000 }, (_, i) => `"${i * 7919}":1`).join(',')}}`,
      'accepted',
    ],
    ['the last key a repeat', `{${Array.from({ length: 400_000 }, (_, i) => `"k${i}":1`).join(',')},"k0":1}`, 'twice'],
    ['one long string', `"${'a'.repeat(5 * MEBIBYTE)}"`, 'accepted'],
    ['an open string', `"${'a'.repeat(5 * MEBIBYTE)}`, 'closing quote'],
    ['escapes', `"${'\\n'.repeat(2 * MEBIBYTE)}"`, 'accepted'],
    ['pairs', `"${'\\ud83d\\ude00'.repeat(400_000)}"`, 'accepted'],
    ['a long number', '9'.repeat(5 * MEBIBYTE), 'accepted'],
    ['a long zero', `0.${'0'.repeat(5 * MEBIBYTE)}`, 'accepted'],
    ['a long exponent', `1e${'9'.repeat(5 * MEBIBYTE)}`, 'accepted'],
    ['spaces', ' '.repeat(5 * MEBIBYTE), 'empty'],
    ['line ends', `${'\n'.repeat(5 * MEBIBYTE)}x`, `line ${5 * MEBIBYTE + 1}, column 1`],
    ['empty objects', `[${'{},'.repeat(MEBIBYTE)}1]`, 'accepted'],
  ])('handles 5 MiB of %s in linear time', (_name, text, detail) => {
    const startedAt = performance.now();
    const refused = refusalOf(text);
    // Each takes well under half a second; anything quadratic would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(refused ?? 'accepted').toContain(detail);
  });

  it('returns strings that do not keep the body alive', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const kept: string[] = [];
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 32; i++) {
      const [id = ''] = parseStrictJson(`["a string of some length ${i}", "${'x'.repeat(MEBIBYTE)}"]`) as string[];
      kept.push(id);
    }
    collectGarbage();
    // Kept alive, the bodies would be 32 MiB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * MEBIBYTE);
    expect(kept).toHaveLength(32);
  });
});

describe('decodeUtf8', () => {
  const decode = (...bytes: number[]) => decodeUtf8(Buffer.from(bytes));

  it('decodes UTF-8', () => {
    expect(decodeUtf8(Buffer.from('{"a":"é😀\u0000"}'))).toBe('{"a":"é😀\u0000"}');
    expect(decode()).toBe('');
    expect(decode(0x61, 0xef, 0xbb, 0xbf)).toBe('a\ufeff');
  });

  it.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['Latin-1', [0x22, 0xe9, 0x22]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a code point over U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a character cut short', [0x22, 0xf0, 0x9f, 0x98]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00]],
  ])('refuses %s', (_name, bytes) => {
    expect(refusal(() => decode(...bytes), 'invalid_encoding')).toContain('not valid UTF-8');
  });

  it('refuses a byte order mark', () => {
    expect(refusal(() => decode(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'invalid_encoding')).toContain('byte order mark');
  });

  it('leaves nothing behind from a refused body', () => {
    expect(refusal(() => decode(0xf0, 0x9f), 'invalid_encoding')).toBeDefined();
    expect(decode(0x61)).toBe('a');
  });
});
