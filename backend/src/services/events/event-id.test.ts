import fc from 'fast-check';

import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { canonicalUuid, nameBasedUuid, uuidV5 } from './event-id';

const DNS_NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const URL_NAMESPACE = '6ba7b811-9dad-11d1-80b4-00c04fd430c8';

describe('canonicalUuid', () => {
  it.each([
    ['017f22e2-79b0-7cc3-98c4-dc0c0c07398f', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['017F22E2-79B0-7CC3-98C4-DC0C0C07398F', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['C232AB00-9414-11ec-b3c8-9f6bdeced846', 'c232ab00-9414-11ec-b3c8-9f6bdeced846'],
    ['00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000'],
    ['FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ])('folds %s', (text, expected) => {
    expect(canonicalUuid(text)).toBe(expected);
  });

  it.each([
    '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}',
    'urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    '017f22e279b07cc398c4dc0c0c07398f',
    '017f22e2-79b0-7cc3-98c4dc0c0c07398f',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f0',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398g',
    '017f22e279-b0-7cc3-98c4-dc0c0c07398f',
    ' 017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
    '０17f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    '017f22e2\u201079b0-7cc3-98c4-dc0c0c07398f',
    '',
  ])('refuses %j', (text) => {
    expect(canonicalUuid(text)).toBeNull();
  });
});

describe('nameBasedUuid', () => {
  it('makes the UUIDv5 of RFC 9562, appendix A.4', () => {
    expect(nameBasedUuid(DNS_NAMESPACE, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it('takes the name in UTF-8', () => {
    expect(nameBasedUuid(URL_NAMESPACE, 'http://é.example/')).toBe('febcafcb-09ac-5704-8e3b-5b113a4a7827');
  });
});

describe('uuidV5', () => {
  it('gives the same id for the same client and key for ever', () => {
    expect(uuidV5('mobile-app', 'order-1')).toBe('a8650eaf-5f1c-5338-947c-85900a63c26a');
  });

  it('tells pairs apart that read the same one after the other', () => {
    const pairs = [
      ['a', 'bc'],
      ['ab', 'c'],
      ['a:', 'bc'],
      ['a', ':bc'],
      ['1:a', 'bc'],
      ['', 'abc'],
    ] as const;
    expect(new Set(pairs.map(([client, key]) => uuidV5(client, key))).size).toBe(pairs.length);
  });

  it(
    'makes well-formed ids, different for different pairs',
    () => {
      const pair = fc.tuple(
        fc.string({ maxLength: 4, unit: 'grapheme' }),
        fc.string({ maxLength: 4, unit: 'grapheme' }),
      );
      fc.assert(
        fc.property(pair, pair, (one, other) => {
          const id = uuidV5(...one);
          expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
          expect(canonicalUuid(id)).toBe(id);
          expect(uuidV5(...other) === id).toBe(one[0] === other[0] && one[1] === other[1]);
        }),
        { numRuns: propertyRuns() },
      );
    },
    propertyTimeoutMs,
  );
});
