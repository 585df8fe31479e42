import type { Request, RequestHandler, Response } from 'express';
import { AppError, type ErrorCode } from '../errors';
import type { AuthService } from '../services/auth/auth-service';
import { TokenRequestError, readTokenRequest } from '../services/auth/token-request';
import type { IssuedToken } from '../services/auth/token-service';
import { readAuthInput } from '../validation-schemas/auth';
import { send } from './json';

/** HTTP for tokens: in JSON, and as RFC 6749 has it. */
export class AuthController {
  constructor(private readonly auth: AuthService) {}

  readonly post = (request: Request, response: Response): void => {
    forbidStoring(response);
    const { clientId, clientSecret } = readAuthInput(request.body);
    const grant = this.auth.grant({
      clientId,
      secrets: clientSecret === undefined ? [] : [clientSecret],
      address: request.ip ?? '',
    });
    if (grant.kind === 'granted') return sendToken(response, grant.issued);
    if (grant.kind === 'limited') throw tooManyFailures(grant.retryAfterSeconds);
    throw new AppError('invalid_client', 'There is no such client, or the secret is wrong.', {
      headers: { 'WWW-Authenticate': 'Bearer realm="sluice"' },
    });
  };

  readonly postToken = (request: Request, response: Response): void => {
    forbidStoring(response);
    try {
      const asked = readTokenRequest(request.body as Readonly<Record<string, string>>, request.rawHeaders);
      const grant = this.auth.grant({ ...asked, address: request.ip ?? '' });
      if (grant.kind === 'limited') throw tooManyFailures(grant.retryAfterSeconds);
      if (grant.kind === 'refused')
        throw new TokenRequestError('invalid_client', 'There is no such client, or the secret is wrong.');
      if (grant.kind === 'scope_refused') {
        throw new TokenRequestError('invalid_scope', `The scopes of this client are: ${grant.available.join(' ')}.`);
      }
      sendToken(response, grant.issued);
    } catch (error) {
      if (!(error instanceof TokenRequestError)) throw error;
      sendTokenError(response, error);
    }
  };
}

/**
 * Reads the form of `postToken`; a faulty one is refused in the form of the protocol too. Its media
 * type and its size are HTTP's own matter.
 */
export function tokenForm(read: RequestHandler): RequestHandler {
  return (request, response, next) => {
    void read(request, response, (error?: unknown) => {
      const isFault = error instanceof AppError && FORM_FAULTS.has(error.code);
      if (!isFault) return next(error);
      forbidStoring(response);
      sendTokenError(response, new TokenRequestError('invalid_request', error.detail));
    });
  };
}

const FORM_FAULTS: ReadonlySet<ErrorCode> = new Set(['invalid_request', 'invalid_encoding'] as const);

function tooManyFailures(retryAfterSeconds: number): AppError {
  return new AppError(
    'rate_limited',
    'Too many failed attempts for this client from this address; nothing was tried.',
    {
      retryAfterSeconds,
    },
  );
}

/**
 * A token is for its client alone (RFC 6749, section 5.1); set first, so that a refusal has it too.
 */
function forbidStoring(response: Response): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Pragma', 'no-cache');
}

function sendToken(response: Response, { token, lifetimeSeconds, scopes }: IssuedToken): void {
  const scope = scopes.join(' ');
  send(response, 200, { access_token: token, token_type: 'Bearer', expires_in: lifetimeSeconds, scope });
}

/** The form that clients of this protocol understand (RFC 6749, section 5.2). */
function sendTokenError(response: Response, { code, detail }: TokenRequestError): void {
  if (code === 'invalid_client') response.setHeader('WWW-Authenticate', 'Basic realm="sluice", charset="UTF-8"');
  send(response, code === 'invalid_client' ? 401 : 400, { error: code, error_description: detail });
}
