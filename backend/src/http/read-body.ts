import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { brotliDecompress, createBrotliDecompress, createGunzip, createInflate, gunzip, inflate } from 'node:zlib';

import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { AppError } from '../errors';
import { inviteBody } from './rest-of-body';
import { parseStrictJson } from './strict-json';
import { decodeMarkingFaults, decodeUtf8 } from './utf8';

/**
 * The strict readers of a request's body: one media type, UTF-8, a size limit, and nothing that
 * JSON leaves to taste.
 */

type Decompress = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

/**
 * How to undo a content coding: of a body that is held whole, and of one that is read as it comes.
 */
interface Coding {
  readonly whole: Decompress;
  readonly stream: () => Transform;
}

const gzip: Coding = { whole: promisify(gunzip), stream: createGunzip };

/** The content codings of RFC 9110, section 8.4.1, and Brotli (RFC 7932). */
const CODINGS: Readonly<Record<string, Coding | undefined>> = {
  gzip,
  'x-gzip': gzip,
  deflate: { whole: promisify(inflate), stream: createInflate },
  br: { whole: promisify(brotliDecompress), stream: createBrotliDecompress },
};

/** So many bytes of unfinished bodies are held at a time, over all requests. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
let heldBytes = 0;

const tooLarge = (limitBytes: number) =>
  new AppError('body_too_large', `The body is larger than the ${String(limitBytes)} bytes accepted here.`);

/** Refuses a body that says itself that it is too large, before any of it is asked for. */
function requireRoom(request: Request, limitBytes: number): void {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) > limitBytes) throw tooLarge(limitBytes);
}

/**
 * A body must be here in time, or its sender only wants to hold a connection. (Node's own
 * requestTimeout would limit streams of events too.)
 */
const BODY_DEADLINE_MS = 30_000;

const tooLate = () =>
  new AppError('request_timeout', `The body was not here within ${String(BODY_DEADLINE_MS / 1000)} s.`, {
    headers: { Connection: 'close' },
  });

/**
 * Collects the whole body, refusing it as soon as it is known to be larger than `limitBytes`.
 * `done` is called once.
 */
function collect(request: Request, limitBytes: number, done: (outcome: Buffer | AppError) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isDone = false;
  const end = (outcome: Buffer | AppError): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    heldBytes -= size;
    done(outcome);
  };
  const refuse = (error: AppError): void => {
    request.removeAllListeners('data');
    // From here on it is dropped.
    request.resume();
    end(error);
  };
  const timer = setTimeout(() => refuse(tooLate()), BODY_DEADLINE_MS);
  // The limit alone is no reason for a process to go on.
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    heldBytes += chunk.length;
    if (heldBytes > HELD_BYTES_MAX) refuse(new AppError('overloaded', 'Too many bodies are on their way.'));
    else if (size > limitBytes) refuse(tooLarge(limitBytes));
    else chunks.push(chunk);
  });
  request.on('end', () => end(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
  // Whoever leaves in the middle of a body ends it with an error too.
  request.on('error', (cause) => end(new AppError('invalid_request', 'The body was cut short.', { cause })));
}

const miscoded = (cause: unknown) =>
  new AppError('invalid_encoding', 'The body is not what its Content-Encoding says.', { cause });

/** Undoes the content coding, never to more than `limitBytes`, whatever the body claims to hold. */
async function decompressed(bytes: Buffer, decompress: Decompress, limitBytes: number): Promise<Buffer> {
  try {
    return await decompress(bytes, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw miscoded(error);
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
  requireUtf8(request);
}

function requireUtf8(request: Request): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
    throw new AppError('unsupported_media_type', `The charset is ${charset.slice(0, 40)}; only UTF-8 is read.`);
  }
}

/** The content coding of the body; null where there is none. */
function codingOf(request: Request): Coding | null {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase();
  if (encoding === undefined || encoding === 'identity') return null;
  const coding = Object.hasOwn(CODINGS, encoding) ? CODINGS[encoding] : undefined;
  if (coding === undefined) {
    throw new AppError(
      'unsupported_encoding',
      'Send the body plain, or with one Content-Encoding: gzip, br or deflate.',
      {
        headers: { 'Accept-Encoding': 'gzip, br, deflate' },
      },
    );
  }
  return coding;
}

function reader(mediaType: string, limitBytes: number, parse: (bytes: Buffer) => unknown): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    requireMediaType(request, mediaType);
    const coding = codingOf(request);
    requireRoom(request, limitBytes);
    inviteBody(response);
    const read = (bytes: Buffer): void => {
      try {
        request.body = parse(bytes);
      } catch (error) {
        next(error);
        return;
      }
      next();
    };
    collect(request, limitBytes, (outcome) => {
      if (outcome instanceof AppError) next(outcome);
      else if (coding === null) read(outcome);
      else decompressed(outcome, coding.whole, limitBytes).then(read, next);
    });
  };
}

/**
 * Reads a JSON body into `request.body`. Numbers whose spelling a double would change arrive as
 * ExactNumber.
 */
export function readJson(limitBytes: number): RequestHandler {
  return reader('application/json', limitBytes, (bytes) => parseStrictJson(decodeUtf8(bytes)));
}

/**
 * As `readJson`, for a document that holds a list of independent elements at `listKey`: one with a
 * value at fault, bytes that are not UTF-8 included, arrives as RefusedJson beside the others.
 */
export function readJsonList(limitBytes: number, listKey: string): RequestHandler {
  return reader('application/json', limitBytes, (bytes) => {
    try {
      return parseStrictJson(decodeUtf8(bytes), { listKey });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'invalid_encoding') throw error;
      try {
        return parseStrictJson(decodeMarkingFaults(bytes), { listKey });
      } catch {
        // No list came of it: what is wrong with the body is its encoding.
        throw error;
      }
    }
  });
}

/**
 * As `readJson`, but a request without a body needs no Content-Type and leaves `request.body`
 * undefined.
 */
export function readOptionalJson(limitBytes: number): RequestHandler {
  const read = readJson(limitBytes);
  return (request, response, next) => {
    const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
    if (chunked === undefined && (length === undefined || length === '0')) next();
    else void read(request, response, next);
  };
}

/**
 * Reads a form (application/x-www-form-urlencoded) into `request.body`, each field a string; a
 * repeated field is refused (RFC 6749, section 3.2).
 */
export function readForm(limitBytes: number): RequestHandler {
  return reader('application/x-www-form-urlencoded', limitBytes, (bytes) => {
    const text = decodeUtf8(bytes);
    const fields: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [name, value] of new URLSearchParams(text)) {
      if (name in fields) throw new AppError('invalid_request', 'A form field is repeated.');
      fields[name] = value;
    }
    return fields;
  });
}

/**
 * The bytes of a body that is read as it comes, its content coding undone. Throws before the first
 * of them where the headers are wrong.
 */
export function openBody(request: Request, response: Response): AsyncIterable<Buffer> {
  requireUtf8(request);
  const coding = codingOf(request);
  inviteBody(response);
  return coding === null ? request : inflated(request, coding.stream());
}

/**
 * No more is inflated, and no more read, than is taken. @throws AppError `invalid_encoding` where
 * the coding breaks off or is none
 */
async function* inflated(request: Request, transform: Transform): AsyncGenerator<Buffer> {
  const isCut = () => request.destroyed && !request.complete;
  const leave = () => {
    if (isCut()) transform.destroy();
  };
  request.once('close', leave);
  request.pipe(transform);
  try {
    yield* transform as AsyncIterable<Buffer>;
  } catch (error) {
    throw isCut() ? error : miscoded(error);
  } finally {
    request.off('close', leave);
  }
}
