import { hash } from 'node:crypto';
import type { Runtime } from '../../interfaces/runtime';
import type { TokenSigner } from '../../interfaces/token-signer';
import type { Client, Scope, TokenVerdict } from '../../types/auth';
import type { ClientRegistry } from './client-registry';
import { AUDIENCE, ISSUER, TOKEN_LIFETIME_SECONDS, checkClaims, scopesOf } from './token-claims';

const TOKEN_MAX_CHARACTERS = 8192;

export interface TokenServiceParts {
  readonly signer: TokenSigner;
  readonly clients: ClientRegistry;
  readonly runtime: Runtime;
  /** How many verified tokens are remembered. */
  readonly rememberedMax?: number;
}

export interface IssuedToken {
  readonly token: string;
  readonly lifetimeSeconds: number;
  readonly scopes: readonly Scope[];
}

/** A token whose signature and claims were valid when it was first seen. */
interface VerifiedToken {
  readonly clientId: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: number;
  /** The generation of keys that verified its signature. */
  readonly signerGeneration: number;
  /** The generation of clients that the verdict is based on. */
  generation: number;
  verdict: TokenVerdict;
}

const invalid = (reason: string): TokenVerdict => ({ kind: 'invalid', reason });

/**
 * Issues and verifies tokens. A token that was verified once costs one hash and one look-up until
 * it expires.
 */
export class TokenService {
  /**
   * By the SHA-256 of the token, so that no usable token is in memory; in the order in which they
   * were first seen.
   */
  private readonly verified = new Map<string, VerifiedToken>();
  private readonly rememberedMax: number;

  constructor(private readonly parts: TokenServiceParts) {
    this.rememberedMax = parts.rememberedMax ?? 10_000;
  }

  /** A token for the client, for these of its scopes. */
  issue(client: Client, scopes: readonly Scope[]): IssuedToken {
    const { signer, runtime } = this.parts;
    const iat = Math.floor(runtime.now() / 1000);
    const token = signer.sign({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: client.id,
      iat,
      exp: iat + TOKEN_LIFETIME_SECONDS,
      jti: runtime.newId(),
      scope: scopes.join(' '),
    });
    return { token, lifetimeSeconds: TOKEN_LIFETIME_SECONDS, scopes };
  }

  /** Never throws. The caller's scopes are those of the token that its client still has. */
  verify(token: string): TokenVerdict {
    if (token.length > TOKEN_MAX_CHARACTERS) {
      return invalid(`The token is longer than ${TOKEN_MAX_CHARACTERS} characters.`);
    }
    const digest = hash('sha256', token, 'base64');
    const known = this.verified.get(digest);
    if (known?.signerGeneration !== this.parts.signer.generation) return this.verifyNew(token, digest);
    if (known.expiresAt <= this.parts.runtime.now()) {
      this.verified.delete(digest);
      return invalid('The token has expired.');
    }
    if (known.generation !== this.parts.clients.generation) this.judge(known);
    return known.verdict;
  }

  private verifyNew(token: string, digest: string): TokenVerdict {
    const opened = this.parts.signer.open(token);
    if (opened.kind === 'refused') return invalid(opened.reason);
    const checked = checkClaims(opened.claims, Math.floor(this.parts.runtime.now() / 1000));
    if (checked.kind === 'bad') return invalid(checked.reason);
    const { sub, scope, exp } = checked.claims;
    const found: VerifiedToken = {
      clientId: sub,
      scopes: scopesOf(scope),
      expiresAt: exp * 1000,
      signerGeneration: this.parts.signer.generation,
      generation: 0,
      verdict: invalid(''),
    };
    this.judge(found);
    this.remember(digest, found);
    return found.verdict;
  }

  /** Compares the token with the present clients. */
  private judge(token: VerifiedToken): void {
    const { clients } = this.parts;
    const client = clients.find(token.clientId);
    token.generation = clients.generation;
    token.verdict =
      client === null
        ? invalid('The client of the token no longer exists.')
        : {
            kind: 'valid',
            caller: { clientId: client.id, scopes: token.scopes.filter((scope) => client.scopes.includes(scope)) },
          };
  }

  private remember(digest: string, token: VerifiedToken): void {
    this.verified.delete(digest);
    if (this.verified.size >= this.rememberedMax) {
      const [firstSeen] = this.verified.keys();
      if (firstSeen !== undefined) this.verified.delete(firstSeen);
    }
    this.verified.set(digest, token);
  }
}
