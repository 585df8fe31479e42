import fc from 'fast-check';
import Joi from 'joi';

import { propertyRuns } from '../../test/support/property-runs';
import { ExactNumber } from '../types/exact-json';
import { eventSchema } from './event';
import { plainCheck } from './plain-check';

const STRICT = { abortEarly: false, convert: false } as const;

/** The limits that stand in the schema's description, wherever: a rule that is added or changed moves the edges with it. */
function limitsIn(description: unknown): number[] {
  if (typeof description !== 'object' || description === null) return [];
  return Object.entries(description).flatMap(([name, value]: [string, unknown]) =>
    name === 'limit' && typeof value === 'number' ? [value] : limitsIn(value),
  );
}

const fieldsOf = (schema: Joi.ObjectSchema) => Object.keys(schema.describe().keys as object);

/** Just below, at and just above each limit, in characters of one and of two UTF-16 units; and a value of each type. */
const edgeOf = (schema: Joi.ObjectSchema) => {
  const lengths = [...new Set([0, ...limitsIn(schema.describe()).flatMap((limit) => [limit - 1, limit, limit + 1])])];
  return fc.oneof(
    fc.tuple(fc.constantFrom(...lengths), fc.constantFrom('a', 'é', '😀')).map(([length, one]) => one.repeat(length)),
    fc.constantFrom(0, -0, 1.5, -1e9, null, true, [], {}, ['a'], { a: 1 }, new ExactNumber('1e400')),
    fc.constantFrom({ long: 'x'.repeat(16_372) }, { long: 'x'.repeat(16_373) }, { long: 'x'.repeat(16_374) }),
    fc.constant({ deep: [new ExactNumber('0.10000000000000000001')] }),
  );
};

const objectsOf = (schema: Joi.ObjectSchema) =>
  fc
    .uniqueArray(fc.constantFrom(...fieldsOf(schema), 'unknown', 'constructor'), { maxLength: 11 })
    .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, edgeOf(schema)]))));

/** An event that is valid but for the fields that are put in or left out, so that a single rule decides. */
const nearlyValid = fc
  .tuple(
    fc.subarray(fieldsOf(eventSchema), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom(...fieldsOf(eventSchema), 'unknown'), edgeOf(eventSchema), { maxKeys: 2 }),
  )
  .map(([without, members]) => {
    const whole = { user_id: 'u', event_name: 'login', event_time: 't', value: '1', click_id: 'c', properties: {} };
    const kept = Object.entries(whole).filter(([name]) => !without.includes(name));
    return { ...Object.fromEntries(kept), ...members };
  });

test('it says of events at the edges of every rule what the schema says', () => {
  const isPlain = plainCheck(eventSchema);
  const seen = new Set<boolean>();
  fc.assert(
    fc.property(fc.oneof(objectsOf(eventSchema), nearlyValid), (event) => {
      const isValid = eventSchema.validate(event, STRICT).error === undefined;
      seen.add(isValid);
      expect(isPlain(event)).toBe(isValid);
    }),
    { numRuns: propertyRuns(2_000) },
  );
  expect(seen.size).toBe(2);
});

describe('a rule that it does not know', () => {
  const known = { a: Joi.string().max(3) };
  const valid = { a: 'abc' };

  it('is none of these', () => {
    expect(plainCheck(Joi.object(known))(valid)).toBe(true);
  });

  it.each<[string, Joi.ObjectSchema]>([
    ['a rule of a text', Joi.object({ a: Joi.string().max(3).pattern(/^b/) })],
    ['a limit that is a reference', Joi.object({ a: Joi.string().max(Joi.ref('$max')) })],
    ['a length in an encoding', Joi.object({ a: Joi.string().max(3, 'utf16le') })],
    ['a list of values', Joi.object({ a: Joi.string().valid('b') })],
    ['an excluded value', Joi.object({ a: Joi.string().invalid('abc') })],
    ['a type', Joi.object({ a: Joi.alternatives(Joi.string(), Joi.object()) })],
    ['a condition', Joi.object({ a: Joi.string().when('b', { is: Joi.exist(), then: Joi.forbidden() }) })],
    ['a forbidden field', Joi.object({ a: Joi.forbidden() })],
    ['a field of a nested object', Joi.object({ a: Joi.object({ b: Joi.string() }) })],
    ['a relation of fields', Joi.object({ ...known, b: Joi.any() }).and('a', 'b')],
    ['a rule of the whole', Joi.object(known).length(2)],
    ['a pattern of names', Joi.object(known).pattern(/^b/, Joi.string())],
    ['a preference', Joi.object(known).prefs({ presence: 'required' })],
    ['a preference of a field', Joi.object({ a: Joi.string().prefs({ presence: 'required' }) })],
    ['a function of the whole', Joi.object(known).custom(() => 1)],
    ['a changed value', Joi.object({ a: Joi.any().custom(() => 'other') })],
    ['a function that throws', Joi.object({ a: Joi.any().custom(() => fail()) })],
  ])('makes it leave the answer to the schema: %s', (_what, schema) => {
    expect(plainCheck(schema)({ a: 'abc' })).toBe(false);
    expect(plainCheck(schema)({ a: {} })).toBe(false);
  });
});

function fail(): never {
  throw new Error('no');
}
