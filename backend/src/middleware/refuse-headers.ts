import type { NextFunction, Request, Response } from 'express';

import { AppError } from '../errors';

/** Where two of these stand, we and a proxy before us could each believe another one. No two are equally long, which spares most headers the comparison. */
const ONCE_ONLY = ['host', 'authorization', 'content-type', 'content-length', 'idempotency-key', 'transfer-encoding'];
const BY_LENGTH = new Map(ONCE_ONLY.map((name, index) => [name.length, { name, bit: 1 << index }]));

/** Refuses a request that names one of these headers twice (node keeps the first in silence, or joins them), and one without a host (RFC 9112, section 3.2). */
export function refuseHeaders({ rawHeaders, headers, httpVersion }: Request, _response: Response, next: NextFunction) {
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index] ?? '';
    const once = BY_LENGTH.get(given.length);
    if (given.toLowerCase() !== once?.name) continue;
    if ((seen & once.bit) !== 0) {
      throw new AppError('invalid_request', `The header ${once.name} is there more than once; send it once.`);
    }
    seen |= once.bit;
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new AppError('invalid_request', 'The request has no Host header.');
  }
  next();
}
