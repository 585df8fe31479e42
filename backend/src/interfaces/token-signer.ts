import type { TokenClaims } from '../types/auth';

/** What a token carries, if its signature is ours; the claims themselves are still unchecked. */
export type OpenedToken =
  | { readonly kind: 'signed'; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refused'; readonly reason: string };

/** Signs claims and opens what was signed: the form of a token and its keys, not the meaning of what it says. Knows no time. */
export interface TokenSigner {
  /** Grows whenever the keys change: what was opened before may no longer be ours. */
  readonly generation: number;
  sign(claims: TokenClaims): string;
  /** Never throws. `reason` is fit to be shown to whoever sent the token. */
  open(token: string): OpenedToken;
}
