import { createHash, createHmac, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A public key as RFC 7517 writes it. */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
}

/** A key that tokens are signed by and checked against. Key objects, not strings: with a string each check costs fifty times as much. */
export interface TokenKey {
  /** Names the key in a token's header; says nothing about the key. */
  readonly id: string;
  readonly algorithm: 'HS256' | 'ES256';
  /** Null for a key that only checks: one that is going out of use. */
  readonly signWith: KeyObject | null;
  readonly checkWith: KeyObject;
  /** For others to check our tokens by; null for a shared secret. */
  readonly publicJwk: PublicJwk | null;
}

/** One that signs, and any number that are only accepted. */
export type TokenKeys = readonly [TokenKey & { readonly signWith: KeyObject }, ...TokenKey[]];

/** A key over a shared secret (HMAC with SHA-256). */
export function hmacTokenKey(secret: KeyObject): TokenKey & { readonly signWith: KeyObject } {
  const id = createHmac('sha256', secret).update('sluice token key id').digest('hex').slice(0, 8);
  return { id, algorithm: 'HS256', signWith: secret, checkWith: secret, publicJwk: null };
}

/** A key on the curve P-256 (RFC 7518, section 3.4), named by its thumbprint (RFC 7638). Null when the key is of another kind. */
export function ellipticTokenKey(key: KeyObject): TokenKey | null {
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return null;
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const id = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
  return {
    id,
    algorithm: 'ES256',
    signWith: key.type === 'private' ? key : null,
    checkWith: publicKey,
    publicJwk: { kty: 'EC', crv: 'P-256', x, y, kid: id, use: 'sig', alg: 'ES256' },
  };
}
