/** Nouns of authentication and authorization. */

/** All scopes; a clients file that names another is refused. */
export const SCOPES = [
  'events:write',
  /** The caller's own events. */
  'events:read',
  /** The events of every client. */
  'events:read:all',
  'users:read',
  'ops:read',
  'ops:write',
] as const;

export type Scope = (typeof SCOPES)[number];

/** One who may ask for a token, as `CLIENTS_FILE` describes it. */
export interface Client {
  readonly id: string;
  /** Has no secret: its id alone gets a token. For development only. */
  readonly isPublic: boolean;
  /**
   * SHA-256 of each secret that it may use now: two while one is being rotated, none for a public
   * client.
   */
  readonly secretDigests: readonly Buffer[];
  readonly scopes: readonly Scope[];
}

/** Who makes a request, once its token has been checked. */
export interface Caller {
  readonly clientId: string;
  /** What both the token and the client's present entry allow. */
  readonly scopes: readonly Scope[];
}

/** The verdict on a token. `reason` may be shown to its sender. */
export type TokenVerdict =
  { readonly kind: 'valid'; readonly caller: Caller } | { readonly kind: 'invalid'; readonly reason: string };

/**
 * The claims of a token that we issue: all set, all required on the way back. Times in epoch
 * seconds (RFC 7519).
 */
export interface TokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  /** Scopes separated by spaces (RFC 6749, section 3.3). */
  readonly scope: string;
}
