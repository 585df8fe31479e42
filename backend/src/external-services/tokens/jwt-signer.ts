/**
 * JSON Web Tokens (RFC 7519) in the one form that we issue: the algorithm is the key's and never the token's choice, and a header
 * that holds anything but `alg`, `typ` and the `kid` of one of our keys is refused unread.
 */
import { decode, sign, verify } from 'jsonwebtoken';
import type { OpenedToken, TokenSigner } from '../../interfaces/token-signer';
import type { TokenClaims } from '../../types/auth';
import type { PublicJwk, TokenKeys } from './token-key';

const HEADER_NAMES = ['alg', 'kid', 'typ'];

const refused = (reason: string): OpenedToken => ({ kind: 'refused', reason });

export class JwtSigner implements TokenSigner {
  private currentGeneration = 0;

  /** Signs with the first key and accepts all: two while a key is being rotated. */
  constructor(private keys: TokenKeys) {}

  get generation(): number {
    return this.currentGeneration;
  }

  /** From now on there are these keys and no others. */
  replace(keys: TokenKeys): void {
    this.keys = keys;
    this.currentGeneration += 1;
  }

  /** What others may check our tokens by; none with a shared secret. */
  publicKeys(): PublicJwk[] {
    return this.keys.flatMap(({ publicJwk }) => publicJwk ?? []);
  }

  sign(claims: TokenClaims): string {
    const [key] = this.keys;
    return sign({ ...claims }, key.signWith, { algorithm: key.algorithm, keyid: key.id });
  }

  open(token: string): OpenedToken {
    const header = headerOf(token);
    if (header === null) return refused('The token is not a JSON Web Token.');
    const unknown = Object.keys(header).filter((name) => !HEADER_NAMES.includes(name));
    if (unknown.length > 0) return refused('The header of the token holds something other than alg, kid and typ.');
    if (header['typ'] !== 'JWT') return refused('The token is not of type JWT.');
    const key = this.keys.find(({ id }) => id === header['kid']);
    if (key === undefined) return refused('The token was signed by another key.');
    if (header['alg'] !== key.algorithm) return refused('The token was not signed by the algorithm in use.');
    try {
      // Only the signature is the library's to judge: its clock is not ours, and it takes tokens without the claims that we require.
      const claims = verify(token, key.checkWith, {
        algorithms: [key.algorithm],
        ignoreExpiration: true,
        ignoreNotBefore: true,
      });
      const isObject = typeof claims === 'object' && !Array.isArray(claims);
      return isObject ? { kind: 'signed', claims } : refused('The token holds no claims.');
    } catch {
      return refused('The signature of the token is wrong.');
    }
  }
}

/** The header of a token that is not yet trusted in anything; null when there is none to read. */
function headerOf(token: string): Readonly<Record<string, unknown>> | null {
  try {
    const header: unknown = decode(token, { complete: true })?.header;
    return typeof header === 'object' && header !== null ? { ...header } : null;
  } catch {
    return null;
  }
}
