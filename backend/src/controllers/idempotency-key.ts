import type { Request } from 'express';

import { AppError } from '../errors';

const BARE_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * A string item of a structured field (RFC 9651, section 4.2.5) and what may follow it: parameters,
 * of which none means anything here.
 */
const QUOTED_KEY = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"((?:;.*)?)$/;
const PARAMETERS = /^(?:; *[a-z*][a-z0-9_\-.*]*(?:=(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[^\s";,]+))?)*$/;

/**
 * The Idempotency-Key header; undefined without it. The string `"k"`, as the header's draft has it,
 * and the bare `k`, as most send it, are one key. Throws `invalid_request` for what is neither.
 */
export function readIdempotencyKey(request: Request): string | undefined {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const key = typeof header === 'string' ? keyOf(header) : null;
  if (key !== null) return key;
  const detail = 'Idempotency-Key must be 1 to 255 visible ASCII characters, bare or as a string in double quotes.';
  throw new AppError('invalid_request', detail);
}

function keyOf(header: string): string | null {
  if (!header.startsWith('"')) return BARE_KEY.test(header) ? header : null;
  const [, escaped = '', parameters = ''] = QUOTED_KEY.exec(header) ?? [];
  const key = escaped.replace(/\\(.)/g, '$1');
  if (key === '' || key.length > 255 || !PARAMETERS.test(parameters)) return null;
  // A key with a space keeps its quotes, so that it is never the key of an item of a batch.
  return key.includes(' ') ? `"${escaped}"` : key;
}

/**
 * The key of one event of a batch, by the key of the batch: the same batch sent again makes the
 * same ids. No client can send it as a key of its own, because it holds a space.
 */
export function keyOfItem(batchKey: string | undefined, index: number): string | undefined {
  return batchKey === undefined ? undefined : `${batchKey} ${String(index)}`;
}
