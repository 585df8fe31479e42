import type { Request, Response } from 'express';

import type { Page } from '../interfaces/event-store';
import { linkTo } from './public-url';

/** A page with the address of the next one in its body and in a Link header (RFC 8288). */
export function sendPage<T>(
  request: Request,
  response: Response,
  { data, nextCursor }: Page<T>,
  toJson: (item: T) => object,
): void {
  if (nextCursor !== null) {
    const [path = '', search = ''] = request.originalUrl.split('?', 2);
    const query = new URLSearchParams(search);
    query.set('cursor', nextCursor);
    response.setHeader('Link', `<${linkTo(response, path)}?${query.toString()}>; rel="next"`);
  }
  response.json({ data: data.map(toJson), next_cursor: nextCursor });
}
