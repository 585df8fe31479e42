import { SCOPES } from '../../types/auth';
import type { Scope, TokenClaims } from '../../types/auth';

/** We issue tokens and we read them: no other party is named in one. */
export const ISSUER = 'sluice';
export const AUDIENCE = 'sluice';
export const TOKEN_LIFETIME_SECONDS = 3600;
/** How far the clock of the process that issued a token may be ahead of ours. */
const LEEWAY_SECONDS = 60;

export type CheckedClaims =
  { readonly kind: 'good'; readonly claims: TokenClaims } | { readonly kind: 'bad'; readonly reason: string };

const bad = (reason: string): CheckedClaims => ({ kind: 'bad', reason });
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 128;
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/**
 * Whether the claims of a token with a valid signature are complete, of the right type, meant for
 * us, and in force.
 */
export function checkClaims(claims: Readonly<Record<string, unknown>>, nowSeconds: number): CheckedClaims {
  const { iss, aud, sub, exp, iat, jti, scope } = claims;
  if (iss !== ISSUER) return bad('The claim iss of the token is missing or not ours.');
  if (aud !== AUDIENCE) return bad('The claim aud of the token is missing or not ours.');
  if (!isName(sub)) return bad('The claim sub of the token is missing or no client id.');
  if (!isName(jti)) return bad('The claim jti of the token is missing or no id.');
  if (typeof scope !== 'string') return bad('The claim scope of the token is missing or no text.');
  if (!isTime(exp)) return bad('The claim exp of the token is missing or no time in whole seconds.');
  if (!isTime(iat)) return bad('The claim iat of the token is missing or no time in whole seconds.');
  if (exp <= nowSeconds) return bad('The token has expired.');
  if (iat > nowSeconds + LEEWAY_SECONDS) return bad('The token was issued in the future.');
  if (exp <= iat || exp - iat > TOKEN_LIFETIME_SECONDS) return bad('The token lives longer than any that we issue.');
  // We never set it. Another signer with our key may, and then it means what RFC 7519 says.
  const { nbf } = claims;
  if (nbf !== undefined && !(isTime(nbf) && nbf <= nowSeconds + LEEWAY_SECONDS)) {
    return bad('The token is not valid yet.');
  }
  return { kind: 'good', claims: { iss, aud, sub, exp, iat, jti, scope } };
}

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** The known scopes in the text; unknown ones are ignored. */
export function scopesOf(text: string): Scope[] {
  return text.split(' ').filter(isScope);
}
