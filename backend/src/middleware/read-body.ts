import type { NextFunction, Request, RequestHandler, Response } from 'express';

import { AppError } from '../errors';
import { decodeUtf8, parseStrictJson } from './strict-json';

/** The strict readers of a request's body: one media type, UTF-8, a size limit, and nothing that JSON leaves to taste. */

/** Collects the whole body, refusing it as soon as it is known to be larger than `limitBytes`. */
function collect(request: Request, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () =>
      new AppError('body_too_large', `The body is larger than the ${String(limitBytes)} bytes accepted here.`);
    const declared = request.headers['content-length'];
    if (declared !== undefined && Number(declared) > limitBytes) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limitBytes) {
        request.removeAllListeners('data');
        request.pause();
        return reject(tooLarge());
      }
      chunks.push(chunk);
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    request.once('error', (cause) => reject(new AppError('invalid_request', 'The body was cut short.', { cause })));
    request.once('aborted', () => reject(new AppError('invalid_request', 'The body was cut short.')));
  });
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
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported_encoding', 'Send the body without Content-Encoding.', {
      headers: { 'Accept-Encoding': 'identity' },
    });
  }
}

function reader(mediaType: string, limitBytes: number, parse: (text: string) => unknown): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction): void => {
    requireMediaType(request, mediaType);
    collect(request, limitBytes).then(
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
