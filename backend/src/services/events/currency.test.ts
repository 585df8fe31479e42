import { isCurrency } from './money';

/**
 * Of list one, what Intl does not list: fund codes, metals and units of account, and what its data
 * may be too old for.
 */
const NOT_IN_INTL =
  'BOV CHE CHW CLF COU MXV SLE USN UYI UYW VED XAD XAG XAU XBA XBB XBC XBD XCG XDR XPD XPT XSU XUA ZWG'.split(' ');

const LETTERS = Array.from({ length: 26 }, (_, index) => String.fromCharCode(0x41 + index));
const everyCode = LETTERS.flatMap((a) => LETTERS.flatMap((b) => LETTERS.map((c) => a + b + c)));

describe('isCurrency', () => {
  it('knows the 176 codes of list one that a value can have', () => {
    expect(everyCode.filter(isCurrency)).toHaveLength(176);
  });

  it('knows no code that neither Intl nor the list of its gaps has', () => {
    const known = new Set([...Intl.supportedValuesOf('currency'), ...NOT_IN_INTL]);
    expect(everyCode.filter((code) => isCurrency(code) && !known.has(code))).toEqual([]);
    expect(NOT_IN_INTL.filter((code) => !isCurrency(code))).toEqual([]);
  });

  it.each([
    'EUR',
    'USD',
    'GBP',
    'JPY',
    'CHF',
    'CNY',
    'INR',
    'BRL',
    'KWD',
    'CLF',
    'SLE',
    'VED',
    'VES',
    'ZWG',
    'XCG',
    'XAU',
    'XDR',
  ])('knows %s', (code) => {
    expect(isCurrency(code)).toBe(true);
  });

  it.each(['BGN', 'HRK', 'ANG', 'CUC', 'SLL', 'ZWL', 'VEF', 'MRO', 'STD', 'BYR', 'DEM'])(
    'no longer knows %s',
    (code) => {
      expect(isCurrency(code)).toBe(false);
    },
  );

  it.each([
    'XXX',
    'XTS',
    'BTC',
    'CNH',
    'eur',
    'Eur',
    'EUR ',
    ' EUR',
    'EURO',
    'EU',
    '',
    '978',
    '€',
    'ＥＵＲ',
    'toString',
    '__proto__',
  ])('refuses %j', (code) => {
    expect(isCurrency(code)).toBe(false);
  });
});
