import fc from 'fast-check';

import { refusal } from '../../test/support/json-refusal';
import { propertyRuns, propertyTimeoutMs } from '../../test/support/property-runs';
import type { AppError } from '../errors';
import { RefusedJson } from '../types/exact-json';
import { parseStrictJson } from './strict-json';
import { decodeMarkingFaults } from './utf8';

const read = (text: string) => parseStrictJson(text, { listKey: 'events' });
const listOf = (text: string) => (read(text) as unknown as { events: unknown[] }).events;

describe('parseStrictJson, of a list', () => {
  it.each([
    ['"\\u0000"', '', 'the character NUL'],
    ['{"a":"\\u0000"}', '/a', 'the character NUL'],
    ['{"a":"x\u0000"}', '/a', 'a control character'],
    ['{"a":"\n"}', '/a', 'a control character'],
    ['{"a":"\\ud800"}', '/a', 'half of a surrogate pair'],
    ['{"a":"\\x41"}', '/a', 'a backslash must be followed by'],
    ['{"a":"\\u12"}', '/a', 'four hexadecimal digits'],
    ['{"a":1,"b/~":{"c":["x",{"d":"\\udc00"}]},"e":2}', '/b~1~0/c/1/d', 'half of a surrogate pair'],
    ['{"a":1,"b":"{\\"[","a":2}', '/a', 'this key stands twice'],
    ['{"b":{"__proto__":{}}}', '/b/__proto__', 'the key "__proto__"'],
    ['{"b":{"constructor":{}}}', '/b/constructor', 'the key "constructor"'],
    ['{"b":1,"\\ud800":1}', '', 'half of a surrogate pair'],
    ['{"b":{"c":1,"\\u0000":1}}', '/b', 'the character NUL'],
    ['{"a":NaN}', '/a', "found 'N'"],
    ['{"a":-Infinity}', '/a', "found 'I'"],
    ['{"a":[1,007]}', '/a/1', 'a superfluous zero'],
    ['{"a":1.}', '/a', 'a digit after the decimal point'],
    ['{"a":.5}', '/a', "found '.'"],
    ['{"a":+1}', '/a', "found '+'"],
    ['{"a":0x10}', '/a', "found 'x'"],
    ['{"a":1_000}', '/a', "found '_'"],
    ['{"a":1e}', '/a', 'a digit in the exponent'],
    ['{"a":True}', '/a', "found 'T'"],
    ['{"a":nullable}', '/a', "found 'a'"],
    ['{"a":undefined,"b":"]}"}', '/a', "found 'u'"],
    [`{"a":${'['.repeat(40)}${']'.repeat(40)}}`, `/a${'/0'.repeat(29)}`, 'nesting is deeper than 32'],
    ['nil', '', "found 'n'"],
  ])('refuses the element %j alone, at %s', (element, pointer, reason) => {
    const [before, refused, after, ...more] = listOf(`{"events":[{"a":1}, ${element} ,{"b":[2]}]}`);
    expect([before, after, more]).toEqual([{ a: 1 }, { b: [2] }, []]);
    expect(refused).toEqual(new RefusedJson(pointer, expect.stringContaining(reason) as string));
  });

  it.each([
    '{"events":[{"a":1},]}',
    '{"events":[,{"a":1}]}',
    '{"events":[{"a":1} {"b":2}]}',
    '{"events":[{"a":1,}]}',
    '{"events":[{"a" 1}]}',
    '{"events":[{a:1}]}',
    '{"events":[{"a":"\\u0000"}',
    '{"events":[{"a":"\\u0000]}',
    '{"events":[NaN}',
    '{"events":[1]',
    '{"events":[1]}}',
    '{"x":"\\u0000","events":[1]}',
    '{"events":[1],"events":[2]}',
    '["\\u0000"]',
    '{"other":["\\u0000"]}',
  ])('refuses %j as a whole', (text) => {
    expect(refusal(() => read(text))).toContain('Invalid JSON at line 1');
  });

  it('refuses as a whole what holds more faulty elements than any list may have, in linear time', () => {
    const many = (count: number) => `{"events":[${Array.from({ length: count }, () => '"\\u0000"').join(',')}]}`;
    expect(listOf(many(1_000))).toHaveLength(1_000);
    const startedAt = performance.now();
    expect(refusal(() => read(many(500_000)))).toContain('NUL');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('names the place of a fault in a document too', () => {
    try {
      parseStrictJson('{"a":[{"b":"\\u0000"}]}');
      throw new Error('taken');
    } catch (error) {
      expect((error as AppError).errors).toEqual([
        { pointer: '/a/0/b', detail: 'the character NUL (\\u0000) is not accepted' },
      ]);
    }
  });

  it(
    'reads the sound elements beside any faulty ones',
    () => {
      const faulty = fc.constantFrom('"\\u0000"', '{"a":NaN}', '[01]', '{"k":{"k":1,"k":2}}', '["\\ud800",{}]');
      const sound = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' }).map((value) => JSON.stringify(value));
      const element = fc.oneof(
        sound.map((text) => ({ text, isSound: true })),
        faulty.map((text) => ({ text, isSound: false })),
      );
      fc.assert(
        fc.property(fc.array(element, { maxLength: 8 }), (elements) => {
          const list = listOf(`{"events":[${elements.map(({ text }) => text).join(' , ')}]}`);
          expect(list).toHaveLength(elements.length);
          elements.forEach(({ isSound }, index) =>
            expect(list[index] instanceof RefusedJson).toBe(!isSound || isProto(elements[index]?.text)),
          );
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});

const isProto = (text = '') => /"(__proto__|constructor|prototype)":/.test(text);

describe('decodeMarkingFaults', () => {
  it('marks what is not UTF-8, and leaves the sign for it where a sender wrote it', () => {
    const bytes = Buffer.concat([Buffer.from('"é\ufffd"'), Buffer.from([0xe9, 0xc3]), Buffer.from('\ufffd')]);
    expect(decodeMarkingFaults(bytes)).toBe('"é\ufffd"\ud800\ud800\ufffd');
  });
});
