import type { NextFunction, Request, Response } from 'express';

import { AppError } from '../errors';

/** Where two of these stand, we and a proxy before us could each believe another one. No two are equally long, which spares most headers the comparison. */
const ONCE_ONLY = ['host', 'authorization', 'content-type', 'content-length', 'idempotency-key', 'transfer-encoding'];
const BY_LENGTH = new Map(ONCE_ONLY.map((name, index) => [name.length, { name, bit: 1 << index }]));

/** A host and a port as RFC 3986 writes them, as far as the characters go; empty where the target has none (RFC 9110, section 7.2). */
const HOST = /^[\w.~!$&'()*+,;=:%[\]-]*$/;

/**
 * Refuses a request that names one of these headers twice (node keeps the first in silence, or joins them), one without a host or with
 * what is none (RFC 9112, section 3.2), one that expects what we do not know (RFC 9110, section 10.1.1), and other versions of HTTP,
 * which node would answer as if they were 1.1.
 */
export function refuseHeaders({ rawHeaders, headers, httpVersion }: Request, _response: Response, next: NextFunction) {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    throw new AppError('invalid_request', `The request is in HTTP/${httpVersion}; send HTTP/1.1.`);
  }
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
  if (headers.host !== undefined && !HOST.test(headers.host)) {
    throw new AppError('invalid_request', 'The Host header holds no host; send a name or an address, and the port.');
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new AppError('expectation_failed', 'The header Expect may hold 100-continue and nothing else.');
  }
  next();
}
