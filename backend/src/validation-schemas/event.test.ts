import fc from 'fast-check';

import { ExactNumber } from '../types/exact-json';
import { eventSchema, isPlainlyValid, readEvent } from './event';

const PLAIN = {
  event_id: '018f0000-0000-7000-8000-000000000000',
  user_id: 'user-1',
  event_name: 'purchase',
  event_time_epoch: 1_790_000_000,
  value: '19.99',
  currency: 'EUR',
  campaign_id: 'spring',
  click_id: 'c',
  properties: { sku: 'a', tags: ['x'], deep: { count: 2 } },
  deliver_at: '2026-11-21T10:00:00Z',
};

/** Around every limit, and of every type that JSON has. */
const anyValue = fc.oneof(
  fc.constantFrom(0, 1, 3, 4, 64, 65, 128, 129).map((length) => 'é'.repeat(length)),
  fc.constantFrom(
    new ExactNumber('1e400'),
    { deep: [new ExactNumber('0.10000000000000000001')] },
    { deep: [new ExactNumber('1'.repeat(65))] },
    { long: 'x'.repeat(16_384) },
  ),
  fc.constantFrom({}, [], null, true, 1, -0, 1.5, undefined),
  fc.jsonValue(),
);
const anyKey = fc.constantFrom(...Object.keys(PLAIN), 'event_time', '__proto__', 'constructor', 'userId', '');

/**
 * An event with some members taken out and some put in; a member named __proto__ is one like any
 * other, as the JSON reader makes it.
 */
const anyEvent = fc
  .tuple(fc.array(anyKey, { maxLength: 3 }), fc.array(fc.tuple(anyKey, anyValue), { maxLength: 3 }))
  .map(([without, members]) =>
    Object.fromEntries([...Object.entries(PLAIN).filter(([key]) => !without.includes(key)), ...members]),
  );

test('what is plainly valid is valid by the schema', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      if (!isPlainlyValid(event)) return;
      expect(eventSchema.validate(event, { convert: false }).error).toBeUndefined();
    }),
    { numRuns: 3_000 },
  );
});

test('what the schema takes is nearly always plainly valid, so that the schema is seldom asked', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      if (eventSchema.validate(event, { convert: false }).error !== undefined) return;
      // Joi overlooks a member named __proto__; that one, a number that no double holds and a
      // member without a value are valid, but not plainly.
      const isRare =
        Object.hasOwn(event, '__proto__') ||
        Object.values(event).some((value) => value === undefined || value instanceof ExactNumber);
      expect(isPlainlyValid(event) || isRare).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['user_id', { ...PLAIN, user_id: '' }],
  ['currency', { ...PLAIN, currency: 'EURO' }],
  ['properties', { ...PLAIN, properties: [] }],
  ['unknown', { ...PLAIN, unknown: 1 }],
])('a fault of %s is named', (field, event) => {
  expect(() => readEvent(event)).toThrow(
    expect.objectContaining({ errors: [expect.objectContaining({ pointer: `/${field}` })] }) as Error,
  );
});
