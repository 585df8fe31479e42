import type { Request } from 'express';

import { AppError } from '../errors';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** The Idempotency-Key header; undefined without it. Throws `invalid_request` for one that is empty, too long or not visible ASCII. */
export function readIdempotencyKey(request: Request): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return key;
  throw new AppError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
}

/**
 * The key of one event of a batch, by the key of the batch: the same batch sent again makes the same ids. No client can send it as a key of
 * its own, because it holds a space.
 */
export function keyOfItem(batchKey: string | undefined, index: number): string | undefined {
  return batchKey === undefined ? undefined : `${batchKey} ${String(index)}`;
}
