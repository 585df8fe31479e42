import type { Log } from '../../interfaces/log';
import type { Client, Scope } from '../../types/auth';
import { addressGroup } from './address-group';
import type { ClientRegistry } from './client-registry';
import type { FailureLimiter } from './failure-limiter';
import { isScope } from './token-claims';
import type { IssuedToken, TokenService } from './token-service';

/**
 * Longer than any client id. A longer text is cut to this length before it is counted and logged.
 */
const CLIENT_ID_MAX = 64;

export interface GrantRequest {
  readonly clientId: string;
  /** The secret in each reading of what was sent; none where none was. */
  readonly secrets: readonly string[];
  /** The address that it comes from. */
  readonly address: string;
  /** Scopes separated by spaces (RFC 6749, section 3.3); undefined: all that the client has. */
  readonly scope?: string | undefined;
}

export type Grant =
  | { readonly kind: 'granted'; readonly issued: IssuedToken }
  /** Unknown client or wrong secret; the answer does not say which. */
  | { readonly kind: 'refused' }
  /** Too many failures; the secret was not checked. */
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  /** It asked for a scope that is unknown or not the client's. */
  | { readonly kind: 'scope_refused'; readonly available: readonly Scope[] };

export interface AuthServiceParts {
  readonly clients: ClientRegistry;
  readonly tokens: TokenService;
  readonly failures: FailureLimiter;
  readonly log: Log;
}

/** Gives tokens to clients that prove who they are. */
export class AuthService {
  constructor(private readonly parts: AuthServiceParts) {}

  grant({ clientId, secrets, scope, ...request }: GrantRequest): Grant {
    const { clients, tokens, failures, log } = this.parts;
    const address = addressGroup(request.address);
    const countedId = clientId.slice(0, CLIENT_ID_MAX);
    const retryAfterSeconds = failures.retryAfterSeconds(countedId, address);
    if (retryAfterSeconds !== null) return { kind: 'limited', retryAfterSeconds };
    const client = clients.authenticate(clientId, secrets);
    if (client === null) {
      failures.record(countedId, address);
      log.warn({ clientId: countedId, address }, 'auth.refused');
      return { kind: 'refused' };
    }
    const scopes = scope === undefined ? client.scopes : narrowedScopes(client, scope);
    if (scopes === null) return { kind: 'scope_refused', available: client.scopes };
    log.debug({ clientId, address, scopes }, 'auth.granted');
    return { kind: 'granted', issued: tokens.issue(client, scopes) };
  }
}

/**
 * The scopes that the text asks for, in the client's order; null when the client lacks one of them.
 */
function narrowedScopes(client: Client, text: string): readonly Scope[] | null {
  const asked = new Set(text.split(' '));
  const isAllowed = [...asked].every((scope) => isScope(scope) && client.scopes.includes(scope));
  return isAllowed ? client.scopes.filter((scope) => asked.has(scope)) : null;
}
