import { ExactNumber, NUMBER_MAX_LENGTH } from '../../types/exact-json';
import { readDecimal } from './decimal-text';

export type CentsReading = { readonly cents: number } | { readonly error: string };

/**
 * A value in a string is digits, and more digits after a point, perhaps with a minus: no exponent,
 * space or separator.
 */
const DECIMAL_STRING = /^-?[0-9]+(?:\.[0-9]+)?$/;

const RANGE = 'must be from 0 to 1000000000; only an event that the catalogue marks `negative` may be less';
const SIGNED_RANGE = 'must be from -1000000000 to 1000000000';

/** 1e9 is 0.1 × 10^10. */
const MAX_POINT = 10;

/**
 * A value as hundredths of its currency's unit, for any currency: at most 1e9, exact decimal
 * arithmetic, half away from zero (1.005 is 101, -1.005 is -101). A JS number is read as the
 * decimal text that JS prints for it, an ExactNumber as the text it was written as. At least -1e9
 * where it may be negative, else 0; range is judged before rounding: -0.001 is negative,
 * 1000000000.001 too large. -0 is 0, however it is spelled. Never throws.
 */
export function toCents(value: number | string | ExactNumber, mayBeNegative = false): CentsReading {
  if (typeof value === 'string' && value.length <= NUMBER_MAX_LENGTH && !DECIMAL_STRING.test(value)) {
    return { error: 'must be a number, or a string of digits with a point, such as "19.99"' };
  }
  const text = value instanceof ExactNumber ? value.text : String(value);
  if (text.length > NUMBER_MAX_LENGTH) return { error: `must be at most ${NUMBER_MAX_LENGTH} characters long` };
  const decimal = readDecimal(text);
  if (decimal === null) return { error: 'must be a finite number' };

  const { isNegative, digits, point } = decimal;
  if (digits === '') return { cents: 0 };
  // Digits start with a non-zero one, so that at this point anything after "1" is more than 1e9.
  const isTooLarge = point > MAX_POINT || (point === MAX_POINT && digits > '1');
  if (isTooLarge || (isNegative && !mayBeNegative)) return { error: mayBeNegative ? SIGNED_RANGE : RANGE };
  const magnitude = roundedHundredths(digits, point);
  return { cents: isNegative && magnitude !== 0 ? -magnitude : magnitude };
}

/**
 * At most twelve digits are kept, which a double holds exactly: no BigInt is needed, and a huge
 * exponent makes no huge number.
 */
function roundedHundredths(digits: string, point: number): number {
  const keptDigits = point + 2;
  if (keptDigits < 0) return 0;
  const kept = Number(digits.slice(0, keptDigits).padEnd(keptDigits, '0'));
  return digits.charAt(keptDigits) >= '5' ? kept + 1 : kept;
}

/**
 * ISO 4217, list one, as of January 2026: currencies, fund codes, metals and units of account.
 *
 * Left out are XTS (for tests) and XXX (no currency), in which no event can have a value, and what
 * the list has withdrawn: among the late ones CUC (2021), HRK (2023), SLL (2024, now SLE), ZWL
 * (2024, now ZWG), ANG (2025, now XCG) and BGN (2026, now EUR).
 */
const CODES = `
  AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
  CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
  GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
  KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
  MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
  SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
  USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD
  XPF XPT XSU XUA YER ZAR ZMW ZWG
`;

const currencies: ReadonlySet<string> = new Set(CODES.trim().split(/\s+/));

/**
 * Whether the text is an active ISO 4217 code, in capitals. A value is in hundredths of any
 * currency's unit.
 */
export function isCurrency(code: string): boolean {
  return currencies.has(code);
}
