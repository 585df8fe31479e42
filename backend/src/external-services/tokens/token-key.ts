import { createHmac } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A key that tokens are signed by and checked against. Key objects, not strings: with a string each check costs fifty times as much. */
export interface TokenKey {
  /** Names the key in a token's header; says nothing about the key. */
  readonly id: string;
  readonly algorithm: 'HS256';
  readonly signWith: KeyObject;
  readonly checkWith: KeyObject;
}

/** A key over a shared secret (HMAC with SHA-256). */
export function hmacTokenKey(secret: KeyObject): TokenKey {
  const id = createHmac('sha256', secret).update('sluice token key id').digest('hex').slice(0, 8);
  return { id, algorithm: 'HS256', signWith: secret, checkWith: secret };
}
