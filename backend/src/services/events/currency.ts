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
