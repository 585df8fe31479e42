import zlib from 'node:zlib';

/** One answer as bytes on the wire, with the JSON that it carries. */
export interface Spelling {
  readonly name: string;
  readonly answer: (json: string) => readonly (string | Buffer)[];
  /** The connection ends with the answer. */
  readonly closes?: true;
}

const CRLF = '\r\n';
const TYPE = 'Content-Type: application/json';

/** A whole answer with a length: the lines of its head, and its body. */
function whole(body: string | Buffer, ...lines: readonly string[]): (string | Buffer)[] {
  const length = `Content-Length: ${String(Buffer.byteLength(body))}`;
  return [['HTTP/1.1 200 OK', length, ...lines, '', ''].join(CRLF), body];
}

function chunks(
  content: string | Buffer,
  lines: readonly string[],
  extension = '',
  trailers = '',
): (string | Buffer)[] {
  const head = ['HTTP/1.1 200 OK', ...lines, '', ''].join(CRLF);
  const body = Buffer.from(content);
  const half = Math.floor(body.length / 2);
  const pieces = [body.subarray(0, half), body.subarray(half)].flatMap((piece) => [
    `00${piece.length.toString(16).toUpperCase()}${extension}${CRLF}`,
    piece,
    CRLF,
  ]);
  return [head, ...pieces, `0${extension}${CRLF}${trailers}${CRLF}`];
}

const coded = (name: string, encode: (json: string) => Buffer, ...headers: readonly string[]): Spelling => ({
  name,
  answer: (json) => whole(encode(json), TYPE, ...headers),
});

const charset = (name: string, type: string, encode = (json: string) => Buffer.from(json)): Spelling => ({
  name,
  answer: (json) => whole(encode(json), `Content-Type: ${type}`),
});

const mark = (...bytes: readonly number[]) => Buffer.from(bytes);
const utf16 = (json: string) => Buffer.from(json, 'utf16le');
const { zstdCompressSync } = zlib as { readonly zstdCompressSync?: (bytes: string) => Buffer };

/** RFC 9110, 8.4: `Content-Encoding`, in spite of `Accept-Encoding: identity`. */
const codings: readonly Spelling[] = [
  coded('`gzip`', (json) => zlib.gzipSync(json), 'Content-Encoding: gzip'),
  coded('`x-gzip`', (json) => zlib.gzipSync(json), 'Content-Encoding: x-gzip'),
  coded('`GZip`, in any case', (json) => zlib.gzipSync(json), 'Content-Encoding:  GZip '),
  coded(
    '`gzip` of several members',
    (json) => Buffer.concat([zlib.gzipSync(json.slice(0, 5)), zlib.gzipSync(json.slice(5))]),
    'Content-Encoding: gzip',
  ),
  coded('`deflate` in the zlib format', (json) => zlib.deflateSync(json), 'Content-Encoding: deflate'),
  coded('`deflate` without it', (json) => zlib.deflateRawSync(json), 'Content-Encoding: deflate'),
  coded('`br`', (json) => zlib.brotliCompressSync(json), 'Content-Encoding: br'),
  coded('`identity`', (json) => Buffer.from(json), 'Content-Encoding: identity'),
  coded('an empty `Content-Encoding`', (json) => Buffer.from(json), 'Content-Encoding:'),
  coded('`deflate, gzip`', (json) => zlib.gzipSync(zlib.deflateSync(json)), 'Content-Encoding: deflate, gzip'),
  coded(
    'several `Content-Encoding` lines',
    (json) => zlib.gzipSync(zlib.brotliCompressSync(json)),
    'Content-Encoding: br',
    'Content-Encoding: , gzip',
  ),
  coded('a coding that is declared and was not applied', (json) => Buffer.from(json), 'Content-Encoding: gzip'),
  coded('`Content-Encoding: utf-8`, which is none', (json) => Buffer.from(json), 'Content-Encoding: utf-8'),
  {
    name: '`Transfer-Encoding: gzip, chunked`',
    answer: (json) => chunks(zlib.gzipSync(json), [TYPE, 'Transfer-Encoding: gzip, chunked']),
  },
  ...(zstdCompressSync === undefined
    ? []
    : [coded('`zstd`, where Node has it (22.15)', (json) => zstdCompressSync(json), 'Content-Encoding: zstd')]),
];

/** RFC 8259, 8.1, and what `Content-Type` may say. */
const texts: readonly Spelling[] = [
  coded('a byte order mark of UTF-8', (json) => Buffer.concat([mark(0xef, 0xbb, 0xbf), Buffer.from(json)])),
  coded(
    'a byte order mark within `gzip`',
    (json) => zlib.gzipSync(Buffer.concat([mark(0xef, 0xbb, 0xbf), Buffer.from(json)])),
    'Content-Encoding: gzip',
  ),
  coded('UTF-16 with its mark, little-endian', (json) => Buffer.concat([mark(0xff, 0xfe), utf16(json)])),
  coded('UTF-16 with its mark, big-endian', (json) => Buffer.concat([mark(0xfe, 0xff), utf16(json).swap16()])),
  charset('`charset=UTF-8`', 'application/json; charset=UTF-8'),
  charset('`charset=utf8`', 'application/json;charset=utf8'),
  charset('`charset="utf-8"`', 'application/json; charset="utf-8"'),
  charset('`CHARSET=UTF8`, in any case', 'Application/JSON ; CHARSET=UTF8'),
  charset('`charset=iso-8859-1`, and it is', 'application/json; charset=iso-8859-1', (json) =>
    Buffer.from(json, 'latin1'),
  ),
  charset('`charset=iso-8859-1`, and it is UTF-8', 'application/json; charset=iso-8859-1'),
  charset('`charset=utf-16le` without a mark', 'application/json; charset=utf-16le', utf16),
  charset('a charset that nobody knows', 'application/json; charset=x-our-own'),
  charset('`text/plain`', 'text/plain'),
  charset('`application/vnd.api+json`', 'application/vnd.api+json'),
  { name: 'no `Content-Type`', answer: (json) => whole(json) },
  { name: 'white space around the JSON', answer: (json) => whole(`\r\n\t ${json} \n\r\n`, TYPE) },
  { name: 'JSON over several lines', answer: (json) => whole(JSON.stringify(JSON.parse(json), null, 2), TYPE) },
  {
    name: 'every letter as `\\u…`',
    answer: (json) =>
      whole(
        json.replace(/[^\x20-\x7e]|[a-z](?=[^"]*":)/g, (letter) => {
          return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
        }),
        TYPE,
      ),
  },
];

/** RFC 9112: how an answer is framed, and RFC 9110, 15.2: what may come before it. */
const frames: readonly Spelling[] = [
  { name: 'chunks', answer: (json) => chunks(json, [TYPE, 'Transfer-Encoding: chunked']) },
  {
    name: 'chunks with extensions and trailers',
    answer: (json) => chunks(json, [TYPE, 'Transfer-Encoding: Chunked'], ';a=b;c="d e"', `X-A: 1${CRLF}X-B: 2${CRLF}`),
  },
  {
    name: '`Content-Length` beside chunks',
    answer: (json) => chunks(json, [TYPE, 'Content-Length: 3', 'Transfer-Encoding: chunked']),
  },
  { name: '`Connection: close` and no length', closes: true, answer: (json) => until(json, 'HTTP/1.1 200 OK') },
  { name: 'HTTP/1.0', closes: true, answer: (json) => until(json, 'HTTP/1.0 200 OK') },
  { name: 'more bytes than announced', answer: (json) => [...whole(json, TYPE), `${CRLF}????`] },
  { name: '100 before it', answer: (json) => [`HTTP/1.1 100 Continue${CRLF}${CRLF}`, ...whole(json, TYPE)] },
  {
    name: '102 and two 103 before it',
    answer: (json) => [
      `HTTP/1.1 102 Processing${CRLF}${CRLF}`,
      ...[1, 2].map((n) => `HTTP/1.1 103 Early Hints${CRLF}Link: </${String(n)}>${CRLF}${CRLF}`),
      ...whole(json, TYPE),
    ],
  },
  {
    name: 'a byte at a time',
    answer: (json) => whole(json, TYPE).flatMap((part) => [...Buffer.from(part)].map((byte) => Buffer.from([byte]))),
  },
];

function until(json: string, statusLine: string): (string | Buffer)[] {
  return [[statusLine, TYPE, 'Connection: close', '', ''].join(CRLF), json];
}

function statusLine(name: string, line: string | Buffer): Spelling {
  return { name, answer: (json) => [line, String(whole(json, TYPE)[0]).slice('HTTP/1.1 200 OK'.length), json] };
}

const heads: readonly Spelling[] = [
  statusLine('no reason phrase', 'HTTP/1.1 200'),
  statusLine('a reason phrase of its own', 'HTTP/1.1 200 all good, thanks'),
  statusLine('a reason phrase beyond ASCII', Buffer.from('HTTP/1.1 200 Très bien', 'latin1')),
  statusLine('an empty line before the status line', `${CRLF}HTTP/1.1 200 OK`),
  statusLine('201', 'HTTP/1.1 201 Created'),
  statusLine('203', 'HTTP/1.1 203 Non-Authoritative Information'),
  {
    name: 'names of headers in any case',
    answer: (json) => [
      `HTTP/1.1 200 OK${CRLF}content-LENGTH:${String(Buffer.byteLength(json))}${CRLF}CONTENT-type:application/json${CRLF}${CRLF}`,
      json,
    ],
  },
  {
    name: 'the same header twice',
    answer: (json) => whole(json, TYPE, TYPE, 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Vary: a', 'Vary: b'),
  },
  {
    name: 'a head of 60 KiB',
    answer: (json) =>
      whole(json, TYPE, ...Array.from({ length: 60 }, (_, n) => `X-${String(n)}: ${'x'.repeat(1_000)}`)),
  },
  {
    name: 'a folded header line',
    answer: (json) => whole(json, `Content-Type: application/json;${CRLF}\t charset=utf-8`),
  },
  {
    name: 'a line feed alone at the end of a line',
    answer: (json) => whole(json, TYPE).map((part, index) => (index === 0 ? String(part).replaceAll('\r', '') : part)),
  },
  { name: 'a header value beyond ASCII', answer: (json) => whole(json, TYPE, 'X-Server: Tür') },
];

/** Answers that say what their JSON says, in another form than most. */
export const spellings: Readonly<Record<string, readonly Spelling[]>> = { codings, texts, frames, heads };

const cut = (name: string, body: Buffer, coding: string): Spelling => ({
  name,
  answer: () => whole(body, TYPE, `Content-Encoding: ${coding}`),
});

const zipped = zlib.gzipSync(`{"status":"accepted","padding":"${'x'.repeat(1_000)}"}`);
/** 3 MiB of white space, in 3 KiB, and the same in a few bytes. */
const bomb = zlib.gzipSync(Buffer.alloc(3 * 1024 * 1024, 0x20));

/** Whole heads of a 2xx whose body cannot be read: no yes, except where the status alone is one. */
export const unreadableBodies: readonly Spelling[] = [
  cut('a coding that breaks off', zipped.subarray(0, -9), 'gzip'),
  cut('a coding with a wrong checksum', Buffer.concat([zipped.subarray(0, -8), Buffer.alloc(8)]), 'gzip'),
  cut('another coding than the declared one', zipped, 'br'),
  cut('a coding that nobody knows', zipped, 'compress'),
  cut('more codings than 4', zipped, 'gzip, gzip, gzip, gzip, gzip'),
  cut('more than 2 MiB after decoding', bomb, 'gzip'),
  cut('more than 2 MiB after decoding twice', zlib.gzipSync(bomb), 'gzip, gzip'),
  { name: 'a coding that is not declared', answer: () => whole(zipped, TYPE) },
  { name: 'more than 2 MiB', answer: (json) => whole(`${json}${' '.repeat(2 * 1024 * 1024)}`, TYPE) },
  {
    name: 'a body that is cut',
    closes: true,
    answer: (json) => ['HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n', json],
  },
  {
    name: 'chunks without their end',
    closes: true,
    answer: (json) => chunks(json, [TYPE, 'Transfer-Encoding: chunked']).slice(0, -1),
  },
  {
    name: 'a chunk of no size',
    answer: (json) => ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `zz\r\n${json}\r\n0\r\n\r\n`],
  },
  { name: 'HTML', answer: () => whole('<html><body>Sign in</body></html>', 'Content-Type: text/html') },
  { name: 'HTML called JSON', answer: () => whole('<!doctype html><title>OK</title>', TYPE) },
  { name: 'plain text', answer: () => whole('accepted', 'Content-Type: text/plain') },
  { name: 'half of a JSON', answer: (json) => whole(json.slice(0, -1), TYPE) },
  { name: 'two JSON texts', answer: (json) => whole(`${json}${json}`, TYPE) },
  { name: 'JSON and a NUL', answer: (json) => whole(`${json}\0`, TYPE) },
  { name: 'a text, a number or null', answer: () => whole('"accepted"', TYPE) },
];

/** No answer at all: Node's parser takes no such head. */
export const unreadableHeads: readonly Spelling[] = [
  {
    name: 'a head of more than 64 KiB',
    answer: (json) =>
      whole(json, TYPE, ...Array.from({ length: 70 }, (_, n) => `X-${String(n)}: ${'x'.repeat(1_000)}`)),
  },
  {
    name: '`Content-Length` twice',
    answer: (json) => whole(json, `Content-Length: ${String(Buffer.byteLength(json))}`),
  },
  { name: 'a space before a colon', answer: (json) => whole(json, 'X-A : b') },
  { name: 'HTTP/2 in the status line', answer: (json) => [`HTTP/2 200\r\nContent-Length: 2\r\n\r\n`, json] },
  { name: 'no HTTP', answer: () => ['220 mail.example ESMTP\r\n\r\n'] },
];
