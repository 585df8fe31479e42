/** From the bytes of an answer to its content: the codings that its head declares, the byte order mark, the charset. */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

/** At most 2 MiB of an answer are read, and at most as much comes out of a coding: more is `answer_too_large`. */
export const ANSWER_MAX_BYTES = 2 * 1024 * 1024;
/** Nobody codes a body more often; each layer costs a pass over it. */
const CODINGS_MAX = 4;

export interface Content {
  /** UTF-8 without a byte order mark; empty where `fault` is not null. */
  readonly body: Buffer;
  /** Why there is no whole body: `answer_cut`, `coding_broken`, …; null when there is. */
  readonly fault: string | null;
  /** What had to be converted, for the counters. */
  readonly conversions: readonly ('coding' | 'charset')[];
}

type Decode = (bytes: Buffer) => Promise<Buffer>;
type ZlibCall = (
  bytes: Buffer,
  options: { readonly maxOutputLength: number },
  done: (error: Error | null, result: Buffer) => void,
) => void;

function bounded(call: ZlibCall): Decode {
  const decode = promisify(call);
  return (bytes) => decode(bytes, { maxOutputLength: ANSWER_MAX_BYTES });
}

const inflateZlib = bounded(zlib.inflate);
const inflateRaw = bounded(zlib.inflateRaw);
const gunzip = bounded(zlib.gunzip);

/** RFC 9110, 8.4.1.2: `deflate` is the zlib format, but some send the deflate stream without it. */
const inflateEither: Decode = (bytes) =>
  inflateZlib(bytes).catch((error: unknown) => {
    if (isTooLarge(error)) throw error;
    return inflateRaw(bytes);
  });

// Node has zstd since 22.15; without it the coding is as unknown as any other.
const { zstdDecompress } = zlib as { readonly zstdDecompress?: ZlibCall };

const DECODERS: ReadonlyMap<string, Decode> = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflateEither],
  ['br', bounded(zlib.brotliDecompress)],
  ...(zstdDecompress === undefined ? [] : [['zstd', bounded(zstdDecompress)] as const]),
]);

/** Reads a body that came whole. Nothing is awaited for one that is plain UTF-8. */
export function readContent(bytes: Buffer, headers: IncomingHttpHeaders): Content | Promise<Content> {
  const codings = codingsOf(headers);
  if (codings.length === 0 || bytes.length === 0) return toContent(bytes, headers, false);
  return decodeAll(bytes, codings).then(
    (decoded) => toContent(decoded, headers, true),
    (error: unknown) => {
      // A body that begins as JSON does was never coded: a proxy that decodes may leave the header.
      if (/^\s*[{[]/.test(bytes.subarray(0, 100).toString('latin1'))) return toContent(bytes, headers, true);
      return unreadable(isTooLarge(error) ? 'answer_too_large' : codeOf(error));
    },
  );
}

/** The content of an answer whose body did not come whole. */
export function unreadable(fault: string): Content {
  return { body: EMPTY, fault, conversions: NONE };
}

const EMPTY = Buffer.alloc(0);
const NONE = [] as const;

class UnknownCoding extends Error {}

function codeOf(error: unknown): string {
  return error instanceof UnknownCoding ? 'coding_unknown' : 'coding_broken';
}

function isTooLarge(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE';
}

/** The codings in the order in which they were applied. A coding for the transfer alone is one more of them. */
function codingsOf(headers: IncomingHttpHeaders): string[] {
  const { 'content-encoding': content = '', 'transfer-encoding': transfer = '' } = headers;
  if (content === '' && (transfer === '' || transfer === 'chunked')) return [];
  return `${content},${transfer}`
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity' && coding !== 'chunked');
}

async function decodeAll(bytes: Buffer, codings: string[]): Promise<Buffer> {
  if (codings.length > CODINGS_MAX) throw new UnknownCoding();
  let decoded = bytes;
  for (const coding of codings.reverse()) {
    const decode = DECODERS.get(coding);
    if (decode === undefined) throw new UnknownCoding();
    decoded = await decode(decoded);
  }
  return decoded;
}

function toContent(bytes: Buffer, headers: IncomingHttpHeaders, wasCoded: boolean): Content {
  const body = toUtf8(bytes, headers['content-type']);
  if (body === bytes && !wasCoded) return { body, fault: null, conversions: NONE };
  const conversions = [...(wasCoded ? (['coding'] as const) : []), ...(body === bytes ? [] : (['charset'] as const))];
  return { body, fault: null, conversions };
}

/** JSON is UTF-8 whatever its type says (RFC 8259, 8.1 and 11): the declared charset counts only where it is not. */
function toUtf8(bytes: Buffer, contentType: string | undefined): Buffer {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.subarray(3);
  if (first === 0xff && second === 0xfe) return decodeText(bytes, 'utf-16le');
  if (first === 0xfe && second === 0xff) return decodeText(bytes, 'utf-16be');
  const [, charset] = CHARSET.exec(contentType ?? '') ?? [];
  if (charset === undefined || UTF8_NAMES.test(charset)) return bytes;
  return !/^utf-?16/i.test(charset) && isUtf8(bytes) ? bytes : decodeText(bytes, charset);
}

const CHARSET = /;\s*charset\s*=\s*["']?([^\s;"']+)/i;
const UTF8_NAMES = /^utf_?-?8$/i;

/** A charset that nobody knows changes nothing. */
function decodeText(bytes: Buffer, charset: string): Buffer {
  try {
    return Buffer.from(new TextDecoder(charset).decode(bytes));
  } catch {
    return bytes;
  }
}
