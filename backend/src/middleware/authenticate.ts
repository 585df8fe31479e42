import type { Request, RequestHandler } from 'express';
import { AppError } from '../errors';
import type { Scope, TokenVerdict } from '../types/auth';

const REALM = 'Bearer realm="sluice"';
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/**
 * Lets in only a caller whose token has the scope, and puts it into `response.locals.caller` (RFC
 * 6750: 400 for a header sent twice, 401 without a valid token, 403 without the scope). A caller
 * without the scope stands there too: its requests are counted as its own.
 */
export function authenticate(verify: (token: string) => TokenVerdict, scope: Scope): RequestHandler {
  return (request, response, next) => {
    const verdict = verify(bearerToken(request));
    if (verdict.kind === 'invalid') throw refusal('invalid_token', verdict.reason);
    const { caller } = verdict;
    response.locals['caller'] = caller;
    if (!caller.scopes.includes(scope)) {
      throw new AppError('insufficient_scope', `This needs the scope ${scope}, which the token does not have.`, {
        headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
      });
    }
    next();
  };
}

/** The token of the request. @throws AppError when there is none, or more than one */
function bearerToken(request: Request): string {
  // Node keeps the first of several Authorization headers and drops the rest in silence; a proxy
  // before us may have judged another one.
  const isRepeated = countHeaders(request, 'authorization') > 1;
  if (isRepeated) throw refusal('invalid_request', 'The request has more than one Authorization header; send one.');
  const header = request.headers.authorization;
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) {
    throw new AppError('missing_token', 'Send Authorization: Bearer <token>; POST /auth gives a token.', {
      headers: { 'WWW-Authenticate': REALM },
    });
  }
  const token = BEARER.exec(header)?.[1];
  if (token === undefined)
    throw refusal('invalid_token', 'What follows Bearer in the Authorization header is not one token.');
  return token;
}

function countHeaders({ rawHeaders }: Request, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const given = rawHeaders[index];
    if (given?.length === name.length && given.toLowerCase() === name) count += 1;
  }
  return count;
}

function refusal(code: 'invalid_token' | 'invalid_request', detail: string): AppError {
  return new AppError(code, detail, {
    headers: { 'WWW-Authenticate': `${REALM}, error="${code}", error_description="${detail}"` },
  });
}
