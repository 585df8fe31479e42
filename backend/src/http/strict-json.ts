/**
 * Reads JSON (RFC 8259) without losing or inventing anything: whatever could mean two things to two
 * readers is refused, and a number whose spelling a double would change stays text. One pass,
 * linear in the text, recursion bounded by the depth limit.
 *
 * A fault is one of the structure (a bracket, comma, colon or quote is missing: nobody can tell
 * where a value ends) or one of a value (a character, number, word or key that is not accepted).
 * The second kind spoils only the value it is in.
 */
import { AppError } from '../errors';
import { type ExactJson, type ExactNumber, numberAsSent, RefusedJson } from '../types/exact-json';
import { describeAt, endOfValue, pointerOf, positionOf } from './json-position';

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const ZERO = 0x30;
const NINE = 0x39;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const CAPITAL_E = 0x45;
const LETTER_E = 0x65;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const LETTER_U = 0x75;
const BYTE_ORDER_MARK = 0xfeff;

const SIMPLE_ESCAPES = '"\\/bfnrt';
/**
 * At most this many elements of a list are refused one by one; a longer list is refused as a whole.
 */
const REFUSED_MAX = 1_000;
const LONE_SURROGATE = 'half of a surrogate pair is not a character';
const FOUR_HEX_DIGITS = /^[0-9a-fA-F]{4}$/;

/**
 * V8 copies a slice up to this length; a longer one is a view that would keep the whole body alive.
 */
const MAX_COPIED_SLICE = 12;

interface ReadingOptions {
  readonly maxDepth?: number;
  /** The key of the document whose array is a list of independent elements. */
  readonly listKey?: string;
}

/**
 * Parses one JSON text. Throws AppError `invalid_json`, naming line, column, pointer and reason,
 * for what RFC 8259 does not allow and also for: a key twice in one object, the keys `__proto__`,
 * `constructor` and `prototype`, NUL or a lone surrogate in a string, and nesting deeper than
 * `maxDepth`. An element of the list at `listKey` in which a value is at fault becomes a
 * RefusedJson, and the others are read.
 */
export function parseStrictJson(text: string, { maxDepth = 32, listKey }: ReadingOptions = {}): ExactJson {
  const reader = new StrictJsonReader(text, maxDepth, listKey);
  try {
    return reader.document();
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const { reason, at, isOfStructure } = error;
    const { line, column } = positionOf(text, at);
    throw new AppError('invalid_json', `Invalid JSON at line ${line}, column ${column}: ${reason}.`, {
      ...(!isOfStructure && { errors: [{ pointer: pointerOf(text, 0, at), detail: reason }] }),
    });
  }
}

class JsonFault extends Error {
  constructor(
    readonly reason: string,
    readonly at: number,
    readonly isOfStructure: boolean,
  ) {
    super(reason);
  }
}

class StrictJsonReader {
  private at = 0;
  private refusedCount = 0;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
    private readonly listKey: string | undefined,
  ) {}

  document(): ExactJson {
    if (this.text.charCodeAt(0) === BYTE_ORDER_MARK) throw this.fault('a byte order mark is not JSON; leave it out');
    this.skipSpace();
    if (this.at === this.text.length) throw this.fault('the text is empty; a JSON value is expected');
    const value = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.unexpected('the end of the text, after one complete JSON value');
    return value;
  }

  private value(depth: number): ExactJson {
    const code = this.text.charCodeAt(this.at);
    if (code === QUOTE) return this.string();
    if (code === OPEN_BRACE) return this.object(depth + 1);
    if (code === OPEN_BRACKET) return this.array(depth + 1);
    if (code === MINUS || isDigit(code)) return this.number();
    if (code === LETTER_T) return this.literal('true', true);
    if (code === LETTER_F) return this.literal('false', false);
    if (code === LETTER_N) return this.literal('null', null);
    throw isOfWord(code) ? this.unexpectedWord('a JSON value') : this.unexpected('a JSON value');
  }

  private object(depth: number): ExactJson {
    this.checkDepth(depth);
    const object: { [key: string]: ExactJson } = {};
    this.at++;
    this.skipSpace();
    if (this.text.charCodeAt(this.at) === CLOSE_BRACE) {
      this.at++;
      return object;
    }
    for (;;) {
      if (this.text.charCodeAt(this.at) !== QUOTE) throw this.unexpected('a key in double quotes');
      const keyAt = this.at;
      const key = this.string();
      this.checkKey(object, key, keyAt);
      this.skipSpace();
      if (this.text.charCodeAt(this.at) !== COLON) throw this.unexpected('":" after the key');
      this.at++;
      this.skipSpace();
      const isList = depth === 1 && key === this.listKey && this.text.charCodeAt(this.at) === OPEN_BRACKET;
      object[key] = isList ? this.array(depth + 1, true) : this.value(depth);
      this.skipSpace();
      const code = this.text.charCodeAt(this.at);
      if (code !== COMMA && code !== CLOSE_BRACE) throw this.unexpectedAfterValue('"," or "}"');
      this.at++;
      if (code === CLOSE_BRACE) return object;
      this.skipSpace();
    }
  }

  private array(depth: number, isList = false): ExactJson {
    this.checkDepth(depth);
    const array: ExactJson[] = [];
    this.at++;
    this.skipSpace();
    if (this.text.charCodeAt(this.at) === CLOSE_BRACKET) {
      this.at++;
      return array;
    }
    for (;;) {
      array.push(isList ? this.element(depth) : this.value(depth));
      this.skipSpace();
      const code = this.text.charCodeAt(this.at);
      if (code !== COMMA && code !== CLOSE_BRACKET) throw this.unexpectedAfterValue('"," or "]"');
      this.at++;
      if (code === CLOSE_BRACKET) return array;
      this.skipSpace();
    }
  }

  private element(depth: number): ExactJson {
    const start = this.at;
    try {
      return this.value(depth);
    } catch (error) {
      if (!(error instanceof JsonFault) || error.isOfStructure || ++this.refusedCount > REFUSED_MAX) throw error;
      const end = endOfValue(this.text, start);
      if (end === null) throw error;
      this.at = end;
      // The one guest in a list of JSON values: whoever asked for a list knows it.
      return new RefusedJson(pointerOf(this.text, start, error.at), error.reason) as unknown as ExactJson;
    }
  }

  /**
   * Checks the string by hand; JSON.parse then decodes what was checked, into a copy that does not
   * keep the body alive.
   */
  private string(): string {
    const { text } = this;
    const start = this.at;
    let hasEscape = false;
    for (let i = start + 1; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === QUOTE) {
        this.at = i + 1;
        if (!hasEscape && i - start - 1 <= MAX_COPIED_SLICE) return text.slice(start + 1, i);
        return JSON.parse(text.slice(start, i + 1)) as string;
      }
      if (code === BACKSLASH) {
        hasEscape = true;
        i = this.lastOfEscape(i);
      } else if (code < 0x20) {
        throw this.valueFault('a control character in a string must be escaped', i);
      } else if (isSurrogate(code)) {
        if (!isHighSurrogate(code) || !isLowSurrogate(text.charCodeAt(i + 1))) {
          throw this.valueFault(`${LONE_SURROGATE}, nor are bytes that are not UTF-8`, i);
        }
        i++;
      }
    }
    this.at = text.length;
    throw this.unexpected('the closing quote of a string');
  }

  /**
   * The index of the last character of the escape that starts at `start`. Two `\u` escapes that
   * make one character count as one.
   */
  private lastOfEscape(start: number): number {
    const { text } = this;
    const code = text.charCodeAt(start + 1);
    if (code !== LETTER_U) {
      if (start + 1 < text.length && SIMPLE_ESCAPES.includes(text.charAt(start + 1))) return start + 1;
      throw this.valueFault('a backslash must be followed by one of " \\ / b f n r t u', start);
    }
    const unit = this.escapedUnit(start);
    if (unit === 0) throw this.valueFault('the character NUL (\\u0000) is not accepted', start);
    if (!isSurrogate(unit)) return start + 5;
    const isPaired =
      isHighSurrogate(unit) && text.startsWith('\\u', start + 6) && isLowSurrogate(this.escapedUnit(start + 6));
    if (!isPaired) throw this.valueFault(LONE_SURROGATE, start);
    return start + 11;
  }

  private escapedUnit(start: number): number {
    const digits = this.text.slice(start + 2, start + 6);
    if (!FOUR_HEX_DIGITS.test(digits)) throw this.valueFault('\\u must be followed by four hexadecimal digits', start);
    return Number.parseInt(digits, 16);
  }

  private number(): number | ExactNumber {
    const { text } = this;
    const start = this.at;
    if (text.charCodeAt(this.at) === MINUS) this.at++;
    const integerAt = this.at;
    this.skipDigits('a digit');
    if (text.charCodeAt(integerAt) === ZERO && this.at > integerAt + 1) {
      throw this.valueFault('a number must not start with a superfluous zero', integerAt);
    }
    if (text.charCodeAt(this.at) === POINT) {
      this.at++;
      this.skipDigits('a digit after the decimal point');
    }
    if (text.charCodeAt(this.at) === CAPITAL_E || text.charCodeAt(this.at) === LETTER_E) {
      const sign = text.charCodeAt(++this.at);
      if (sign === PLUS || sign === MINUS) this.at++;
      this.skipDigits('a digit in the exponent');
    }
    return numberAsSent(text.slice(start, this.at));
  }

  private skipDigits(expected: string): void {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    if (this.at === start) throw this.unexpectedWord(expected);
  }

  private literal<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.unexpectedWord('a JSON value');
    this.at += word.length;
    return value;
  }

  private skipSpace(): void {
    const { text } = this;
    let code = text.charCodeAt(this.at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++this.at);
  }

  private checkDepth(depth: number): void {
    if (depth > this.maxDepth) throw this.valueFault(`nesting is deeper than ${this.maxDepth} levels`);
  }

  private checkKey(object: { [key: string]: ExactJson }, key: string, keyAt: number): void {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
      throw this.valueFault(`the key "${key}" is not accepted`, keyAt);
    }
    // The plain read is quick and settles nearly every key; only names such as "toString" reach the
    // exact question.
    if (object[key] !== undefined && Object.hasOwn(object, key)) {
      throw this.valueFault('this key stands twice in one object; each key may stand once', keyAt);
    }
  }

  private unexpected(expected: string): JsonFault {
    return this.fault(`expected ${expected}, found ${describeAt(this.text, this.at)}`);
  }

  private unexpectedWord(expected: string): JsonFault {
    return this.valueFault(`expected ${expected}, found ${describeAt(this.text, this.at)}`);
  }

  /** 0x10, 1_000, 1.2.3, nullable: a word that only begins as a value is a value at fault. */
  private unexpectedAfterValue(expected: string): JsonFault {
    const isInWord = isOfWord(this.text.charCodeAt(this.at)) && isOfWord(this.text.charCodeAt(this.at - 1));
    return isInWord ? this.unexpectedWord(expected) : this.unexpected(expected);
  }

  private fault(reason: string): JsonFault {
    return new JsonFault(reason, this.at, true);
  }

  private valueFault(reason: string, at: number = this.at): JsonFault {
    return new JsonFault(reason, at, false);
  }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

/** Whether the character may be part of a number or a word, be it a right or a wrong one. */
function isOfWord(code: number): boolean {
  const lower = code | 0x20;
  return (
    isDigit(code) ||
    (lower >= 0x61 && lower <= 0x7a) ||
    code === POINT ||
    code === PLUS ||
    code === MINUS ||
    code === 0x5f
  );
}

function isSurrogate(code: number): boolean {
  return (code & 0xf800) === 0xd800;
}

function isHighSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xd800;
}

function isLowSurrogate(code: number): boolean {
  return (code & 0xfc00) === 0xdc00;
}
