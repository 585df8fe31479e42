import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';

import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { type ExactJson, ExactNumber } from '../../types/exact-json';
import type { AcceptedEvent } from '../../types/event';
import { canonicalForm, canonicalJson, differingFields, fingerprint } from './canonical';

const event: AcceptedEvent = {
  eventId: '017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
  clientId: 'mobile-app',
  userId: 'user-1',
  eventName: 'purchase',
  eventTimeSeconds: 1_795_168_800,
  valueCents: 1999,
  currency: 'EUR',
  campaignId: 'spring',
  clickId: 'click-1',
  properties: '{"b":1,"a":[true,null,"é"]}',
  deliverAt: 1_795_168_900_000,
  acceptedAt: 1_795_168_801_000,
};

/** One change of each content field, by the API's name for it. */
const changes: readonly [name: string, change: Partial<AcceptedEvent>][] = [
  ['campaign_id', { campaignId: null }],
  ['click_id', { clickId: 'click-2' }],
  ['currency', { currency: 'USD' }],
  ['deliver_at', { deliverAt: 1_795_168_900_001 }],
  ['event_name', { eventName: 'lead' }],
  ['event_time', { eventTimeSeconds: 1_795_168_801 }],
  ['properties', { properties: '{"b":1,"a":[true,null,"e\u0301"]}' }],
  ['user_id', { userId: 'user-2' }],
  ['value', { valueCents: 0 }],
];

describe('canonicalJson', () => {
  it('writes the example of RFC 8785, section 3.2', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts keys by UTF-16 code units, as the example of RFC 8785, section 3.2.3', () => {
    const value = {
      '\u20ac': 1,
      '\r': 2,
      '\ufb33': 3,
      '1': 4,
      '\ud83d\ude00': 5,
      '\u0080': 6,
      '\u00f6': 7,
      '10': 8,
      '9': 9,
    };
    expect(Object.values(JSON.parse(canonicalJson(value).replace(/"(1|10|9)"/g, '"k$1"')) as object)).toEqual([
      2, 4, 8, 9, 6, 7, 1, 5, 3,
    ]);
  });

  it('writes every single character, and lone surrogates, as JSON.stringify does', () => {
    const characters = Array.from({ length: 0x10000 }, (_, code) => `a${String.fromCharCode(code)}b`);
    expect(canonicalJson(characters)).toBe(JSON.stringify(characters));
  });

  it('takes objects of another realm and objects without a prototype', () => {
    const foreign = runInNewContext('({ a: [{ b: 1 }] })') as ExactJson;
    expect(canonicalJson(foreign)).toBe('{"a":[{"b":1}]}');
    expect(canonicalJson(Object.assign(Object.create(null), { a: 1 }) as ExactJson)).toBe('{"a":1}');
  });

  it('writes -0 as 0', () => {
    expect(canonicalJson([-0])).toBe('[0]');
  });

  it.each([
    ['1.0', '1'],
    ['1e0', '1'],
    ['-0', '0'],
    ['-0.00', '0'],
    ['1E5', '100000'],
    ['5e-324', '5e-324'],
    ['12345678901234567890', '1234567890123456789e20'],
    ['277.199999999999989', '277199999999999989e3'],
    ['277.1999999999999890', '277199999999999989e3'],
    ['277.2', '277.2'],
    ['0.1234567890123456', '0.1234567890123456'],
    ['1.234567890123456e-1', '0.1234567890123456'],
    ['1e400', '1e401'],
    ['-10e399', '-1e401'],
  ])('writes the number %s as its value, however it is spelled: %s', (text, form) => {
    expect(canonicalJson([new ExactNumber(text)])).toBe(`[${form}]`);
  });

  it.each([
    ['a Date', new Date(0)],
    ['a Map', new Map()],
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a function', () => 1],
    ['a bigint', 1n],
  ])('throws for %s rather than take it for something else', (_name, value) => {
    expect(() => canonicalJson({ a: [value] } as unknown as ExactJson)).toThrow(TypeError);
  });
});

describe('canonicalForm', () => {
  it('is the content alone, under the names of the API', () => {
    expect(canonicalForm(event)).toBe(
      '{"campaign_id":"spring","click_id":"click-1","currency":"EUR","deliver_at":1795168900000,"event_name":"purchase",' +
        '"event_time":1795168800,"properties":{"a":[true,null,"é"],"b":1},"user_id":"user-1","value":1999}',
    );
  });

  it('leaves out what is absent, and keeps what is only empty', () => {
    const bare = { campaignId: null, clickId: null, currency: null, deliverAt: null };
    expect(canonicalForm({ ...event, ...bare, properties: null, valueCents: null })).toBe(
      '{"event_name":"purchase","event_time":1795168800,"user_id":"user-1"}',
    );
    expect(canonicalForm({ ...event, ...bare, properties: '{}', valueCents: 0 })).toBe(
      '{"event_name":"purchase","event_time":1795168800,"properties":{},"user_id":"user-1","value":0}',
    );
  });

  it('is canonical JSON itself', () => {
    for (const [, change] of changes) {
      const form = canonicalForm({ ...event, ...change });
      expect(canonicalJson(JSON.parse(form) as ExactJson)).toBe(form);
    }
  });
});

describe('fingerprint', () => {
  it('is the SHA-256 of the canonical form', () => {
    expect(fingerprint(event)).toEqual(createHash('sha256').update(canonicalForm(event)).digest());
  });

  it('does not depend on what identifies the event or its acceptance', () => {
    const other = { ...event, eventId: '00000000-0000-0000-0000-000000000000', clientId: 'other', acceptedAt: 0 };
    expect(fingerprint(other)).toEqual(fingerprint(event));
    expect(differingFields(other, event)).toEqual([]);
  });

  it('does not depend on the order of keys at any depth', () => {
    const one = { ...event, properties: '{"x":{"p":1,"q":[{"r":1,"s":2}]},"y":2}' };
    const other = { ...event, properties: '{"y":2,"x":{"q":[{"s":2,"r":1}],"p":1}}' };
    expect(fingerprint(other)).toEqual(fingerprint(one));
    expect(differingFields(one, other)).toEqual([]);
  });

  it.each(changes)('depends on %s, which differingFields names', (name, change) => {
    const changed = { ...event, ...change };
    expect(fingerprint(changed)).not.toEqual(fingerprint(event));
    expect(differingFields(event, changed)).toEqual([name]);
    expect(differingFields(changed, event)).toEqual([name]);
  });

  it('names several fields in order', () => {
    const changed = Object.assign({}, event, ...changes.map(([, change]) => change)) as AcceptedEvent;
    expect(differingFields(event, changed)).toEqual(changes.map(([name]) => name));
  });
});

describe('canonical forms of random values', () => {
  const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'grapheme' }) as fc.Arbitrary<ExactJson>;

  it(
    'do not change when keys are reordered, and read back as the same value',
    () => {
      fc.assert(
        fc.property(json, fc.nat(9), (value, by) => {
          const form = canonicalJson(value);
          expect(canonicalJson(rotated(value, by))).toBe(form);
          expect(JSON.parse(form)).toEqual(JSON.parse(JSON.stringify(value)));
          const plain = withPlainKeys(value);
          expect(canonicalJson(plain)).toBe(JSON.stringify(sorted(plain)));
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );

  it(
    'differ whenever the values do',
    () => {
      fc.assert(
        fc.property(json, json, (one, other) => {
          const isSame = JSON.stringify(sorted(withPlainKeys(one))) === JSON.stringify(sorted(withPlainKeys(other)));
          expect(canonicalJson(one) === canonicalJson(other)).toBe(isSame);
          const a = { ...event, properties: JSON.stringify({ one }) };
          const b = { ...event, properties: JSON.stringify({ one: other }) };
          expect(fingerprint(a).equals(fingerprint(b))).toBe(isSame);
          expect(differingFields(a, b)).toEqual(isSame ? [] : ['properties']);
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});

function mapObjects(value: ExactJson, change: (entries: [string, ExactJson][]) => [string, ExactJson][]): ExactJson {
  if (Array.isArray(value)) return value.map((item) => mapObjects(item, change));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]): [string, ExactJson] => [key, mapObjects(member, change)]);
  return Object.fromEntries(change(entries));
}

const rotated = (value: ExactJson, by: number) =>
  mapObjects(value, (entries) => [...entries.slice(by % entries.length), ...entries.slice(0, by % entries.length)]);

const sorted = (value: ExactJson) => mapObjects(value, (entries) => entries.sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * With keys that are never taken for array indexes, which objects put first whatever the order of
 * insertion.
 */
const withPlainKeys = (value: ExactJson) =>
  mapObjects(value, (entries) => entries.map(([key, member]) => [`k${key}`, member]));
