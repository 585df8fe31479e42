/** Reads what `POST /auth/token` is asked: the client credentials grant of RFC 6749, section 4.4, and nothing else. */

export type TokenErrorCode = 'invalid_request' | 'invalid_client' | 'unsupported_grant_type' | 'invalid_scope';

/** An error as RFC 6749, section 5.2, names it. `detail` is printable ASCII without quotes or backslashes, as it demands. */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';
  constructor(
    readonly code: TokenErrorCode,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

export interface TokenRequest {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly scope: string | undefined;
}

interface ClientCredentials {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
}

/**
 * @param form the fields of the body, none repeated; unknown ones are ignored and empty ones count as left out (section 3.2)
 * @param rawHeaders names and values in turn, as they came
 * @throws TokenRequestError
 */
export function readTokenRequest(form: Readonly<Record<string, string>>, rawHeaders: readonly string[]): TokenRequest {
  const field = (name: string) => (form[name] === '' ? undefined : form[name]);
  const grantType = field('grant_type');
  if (grantType === undefined) {
    throw new TokenRequestError(
      'invalid_request',
      'The field grant_type is missing; send grant_type=client_credentials.',
    );
  }
  const inHeader = basicCredentials(rawHeaders);
  const inBody = { clientId: field('client_id'), clientSecret: field('client_secret') };
  const isBoth =
    inHeader !== null &&
    (inBody.clientSecret !== undefined || (inBody.clientId ?? inHeader.clientId) !== inHeader.clientId);
  if (isBoth) {
    throw new TokenRequestError(
      'invalid_request',
      'Credentials came in the Authorization header and in the body; send one of the two.',
    );
  }
  if (grantType !== 'client_credentials') {
    throw new TokenRequestError('unsupported_grant_type', 'The one grant type here is client_credentials.');
  }
  const scope = field('scope');
  if (inHeader !== null) return { ...inHeader, scope };
  if (inBody.clientId === undefined) {
    throw new TokenRequestError(
      'invalid_client',
      'No credentials came; use HTTP Basic, or client_id and client_secret in the body.',
    );
  }
  return { clientId: inBody.clientId, clientSecret: inBody.clientSecret, scope };
}

/** The credentials of HTTP Basic, each part form-decoded (section 2.3.1); null without an Authorization header. */
function basicCredentials(rawHeaders: readonly string[]): ClientCredentials | null {
  const headers = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization',
  );
  const [header] = headers;
  if (header === undefined) return null;
  if (headers.length > 1)
    throw new TokenRequestError('invalid_request', 'There is more than one Authorization header.');
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header)?.[1];
  const pair = encoded === undefined ? null : decodeUtf8(Buffer.from(encoded, 'base64'));
  const colon = pair?.indexOf(':') ?? -1;
  if (pair === null || colon < 1)
    throw new TokenRequestError('invalid_client', 'The Authorization header is not HTTP Basic.');
  const clientSecret = formDecode(pair.slice(colon + 1));
  return { clientId: formDecode(pair.slice(0, colon)), clientSecret: clientSecret === '' ? undefined : clientSecret };
}

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new TokenRequestError(
      'invalid_client',
      'The id and the secret in the Authorization header must be form-encoded (RFC 6749, section 2.3.1).',
    );
  }
}
