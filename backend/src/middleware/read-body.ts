import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { AppError } from '../errors';
import { decodeUtf8, parseStrictJson } from './strict-json';

/** The strict readers of a request's body: one media type, UTF-8, a size limit, and nothing that JSON leaves to taste. */

type Decompress = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

/** The content codings of RFC 9110, section 8.4.1, and Brotli (RFC 7932). */
const DECOMPRESS: Readonly<Record<string, Decompress | undefined>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** So many bytes of unfinished bodies are held at a time, over all requests. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
let heldBytes = 0;

const tooLarge = (limitBytes: number) =>
  new AppError('body_too_large', `The body is larger than the ${String(limitBytes)} bytes accepted here.`);

/** Collects the whole body, refusing it as soon as it is known to be larger than `limitBytes`. */
function collect(request: Request, limitBytes: number): Promise<Buffer> {
  let size = 0;
  const collected = new Promise<Buffer>((resolve, reject) => {
    const declared = request.headers['content-length'];
    if (declared !== undefined && Number(declared) > limitBytes) return reject(tooLarge(limitBytes));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      heldBytes += chunk.length;
      const isFull = heldBytes > HELD_BYTES_MAX;
      if (size > limitBytes || isFull) {
        request.removeAllListeners('data');
        request.pause();
        return reject(isFull ? new AppError('overloaded', 'Too many bodies are on their way.') : tooLarge(limitBytes));
      }
      chunks.push(chunk);
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    request.once('error', (cause) => reject(new AppError('invalid_request', 'The body was cut short.', { cause })));
    request.once('aborted', () => reject(new AppError('invalid_request', 'The body was cut short.')));
  });
  return collected.finally(() => (heldBytes -= size));
}

/** Undoes the content coding, never to more than `limitBytes`, whatever the body claims to hold. */
async function decompressed(bytes: Buffer, decompress: Decompress, limitBytes: number): Promise<Buffer> {
  try {
    return await decompress(bytes, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw new AppError('invalid_encoding', 'The body is not what its Content-Encoding says.', { cause: error });
  }
}

/** The media type of the request in lower case, without parameters; null without the header. */
export function mediaTypeOf(request: Request): string | null {
  const header = request.headers['content-type'];
  if (header === undefined) return null;
  const end = header.indexOf(';');
  return (end === -1 ? header : header.slice(0, end)).trim().toLowerCase();
}

function requireMediaType(request: Request, expected: string): void {
  const given = mediaTypeOf(request);
  if (given !== expected) {
    const detail = `Send the body with Content-Type: ${expected}${given === null ? '' : `, not ${given.slice(0, 100)}`}.`;
    throw new AppError('unsupported_media_type', detail, { headers: { 'Accept-Post': expected } });
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
    throw new AppError('unsupported_media_type', `The charset is ${charset.slice(0, 40)}; only UTF-8 is read.`);
  }
}

/** How to undo the content coding of the body; null where there is none. */
function decompressOf(request: Request): Decompress | null {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase();
  if (encoding === undefined || encoding === 'identity') return null;
  const decompress = Object.hasOwn(DECOMPRESS, encoding) ? DECOMPRESS[encoding] : undefined;
  if (decompress === undefined) {
    throw new AppError(
      'unsupported_encoding',
      'Send the body plain, or with one Content-Encoding: gzip, br or deflate.',
      {
        headers: { 'Accept-Encoding': 'gzip, br, deflate' },
      },
    );
  }
  return decompress;
}

function reader(mediaType: string, limitBytes: number, parse: (text: string) => unknown): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction): void => {
    requireMediaType(request, mediaType);
    const decompress = decompressOf(request);
    const collected = collect(request, limitBytes);
    const whole = decompress ? collected.then((bytes) => decompressed(bytes, decompress, limitBytes)) : collected;
    whole.then(
      (bytes) => {
        try {
          request.body = parse(decodeUtf8(bytes));
        } catch (error) {
          return next(error);
        }
        next();
      },
      (error: unknown) => next(error),
    );
  };
}

/** Reads a JSON body into `request.body`. Numbers that a double cannot keep arrive as ExactNumber. */
export function readJson(limitBytes: number): RequestHandler {
  return reader('application/json', limitBytes, (text) => parseStrictJson(text));
}

/** As `readJson`, but a request without a body needs no Content-Type and leaves `request.body` undefined. */
export function readOptionalJson(limitBytes: number): RequestHandler {
  const read = readJson(limitBytes);
  return (request, response, next) => {
    const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
    if (chunked === undefined && (length === undefined || length === '0')) next();
    else void read(request, response, next);
  };
}

/** Reads a form (application/x-www-form-urlencoded) into `request.body`, each field a string; a repeated field is refused (RFC 6749, section 3.2). */
export function readForm(limitBytes: number): RequestHandler {
  return reader('application/x-www-form-urlencoded', limitBytes, (text) => {
    const fields: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, value] of new URLSearchParams(text)) {
      if (name in fields) throw new AppError('invalid_request', 'A form field is repeated.');
      fields[name] = value;
    }
    return fields;
  });
}
