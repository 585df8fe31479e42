import { AppError } from '../errors';

/** Bytes to text, without guessing. */

const BYTE_ORDER_MARK = 0xfeff;
/** The bytes of U+FFFD. */
const REPLACEMENT = Buffer.from('\ufffd');

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes a body. Throws `invalid_encoding` for anything but UTF-8, and for UTF-8 with a byte order
 * mark (RFC 8259, section 8.1).
 */
export function decodeUtf8(bytes: Buffer): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new AppError('invalid_encoding', 'The body is not valid UTF-8; send JSON encoded in UTF-8.', { cause });
  }
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) {
    throw new AppError('invalid_encoding', 'The body starts with a byte order mark; send UTF-8 without one.');
  }
  return text;
}

/**
 * In the text that this gives, bytes that are not UTF-8 are half a surrogate pair, which UTF-8
 * itself cannot hold.
 */
export function decodeMarkingFaults(bytes: Buffer): string {
  const pieces: string[] = [];
  let start = 0;
  // The decoder's sign for a fault is a character that a sender may use too: those are set aside.
  for (let at = bytes.indexOf(REPLACEMENT); at !== -1; at = bytes.indexOf(REPLACEMENT, start)) {
    pieces.push(bytes.toString('utf8', start, at));
    start = at + REPLACEMENT.length;
  }
  pieces.push(bytes.toString('utf8', start));
  return pieces.map((piece) => piece.replaceAll('\ufffd', '\ud800')).join('\ufffd');
}
