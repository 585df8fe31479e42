/** What the JSON of an upstream's answer says, in whichever of the usual spellings. */

/** A whole number that a double cannot hold, outside of texts: ids of 64 bits come as such. */
const LONG_NUMBER = /\d{16}/;
const TEXT_OR_LONG_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** The value, where long whole numbers are texts, so that no id loses its last digits; undefined for what is no JSON. */
export function parseJson(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    // Only what is JSON is looked through: there every text has its end, so that the time is that of one pass.
    return LONG_NUMBER.test(text) ? JSON.parse(text.replace(TEXT_OR_LONG_NUMBER, exactly)) : value;
  } catch {
    return undefined;
  }
}

function exactly(token: string): string {
  return token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : `"${token}"`;
}

export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a body is nothing but white space. */
export function isBlank(body: Buffer): boolean {
  return body.length < 1024 && body.toString('latin1').trim() === '';
}

/**
 * Whether an object speaks of an error, whatever the status of the answer is. Many send the field empty where there is none (`null`, `""`,
 * `0`, `false`, `[]`, `{}`), and a flag as text.
 */
export function saysError({ error, errors, success, ok }: JsonRecord): boolean {
  return !isNothing(error) || !isNothing(errors) || isFalse(success) || isFalse(ok);
}

function isNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === '' || value === 0 || value === false;
}

function isFalse(value: unknown): boolean {
  return value === false || value === 0 || (typeof value === 'string' && /^(false|0|no)$/i.test(value.trim()));
}

/** A number, or a text that is one as JSON writes it; null otherwise. */
export function toNumber(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const isNumber = typeof value === 'string' && /^-?\d{1,30}(\.\d{1,30})?$/.test(value);
  return isNumber ? Number(value) : null;
}
