import type { Request, Response } from 'express';
import { send } from './json';

/** Others may keep the keys for this long; a new key is published before it signs. */
const CACHE_SECONDS = 300;

/** The public keys that our tokens can be checked by (RFC 7517, section 5); none while a shared secret signs them. */
export class KeysController {
  constructor(private readonly publicKeys: () => readonly object[]) {}

  readonly get = (_request: Request, response: Response): void => {
    response.setHeader('Cache-Control', `public, max-age=${CACHE_SECONDS}`);
    send(response, 200, { keys: this.publicKeys() });
  };
}
