/**
 * Reads the form of `POST /auth/token`: only the client credentials grant of RFC 6749, section 4.4.
 */

export type TokenErrorCode = 'invalid_request' | 'invalid_client' | 'unsupported_grant_type' | 'invalid_scope';

/**
 * An error as RFC 6749, section 5.2, names it. `detail` is printable ASCII without quotes or
 * backslashes, as it demands.
 */
export class TokenRequestError extends Error {
  override readonly name = 'TokenRequestError';
  constructor(
    readonly code: TokenErrorCode,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
  }
}

interface ClientCredentials {
  readonly clientId: string;
  /** Each reading of the secret that was sent; none where none was. */
  readonly secrets: readonly string[];
}

export interface TokenRequest extends ClientCredentials {
  readonly scope: string | undefined;
}

/**
 * @param form the fields of the body, none repeated; unknown ones are ignored and empty ones count
 *   as left out (section 3.2)
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
  const inBody = { clientId: field('client_id'), secret: field('client_secret') };
  const isBoth =
    inHeader !== null && (inBody.secret !== undefined || (inBody.clientId ?? inHeader.clientId) !== inHeader.clientId);
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
  return { clientId: inBody.clientId, secrets: bodySecrets(inBody.secret), scope };
}

/**
 * A plus that was sent as it is, as `curl -d` does, has become a space in the form; it is read both
 * ways.
 */
function bodySecrets(secret: string | undefined): readonly string[] {
  return secret === undefined ? [] : distinct(secret, secret.replaceAll(' ', '+'));
}

function distinct(first: string, second: string): readonly string[] {
  return first === second ? [first] : [first, second];
}

/**
 * The credentials of HTTP Basic; null without an Authorization header. The specification has each
 * part form-encoded (section 2.3.1), most clients send them as they are (RFC 7617): the secret is
 * read both ways. An id has no character that would tell the two apart.
 */
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
  const [id, secret] = [pair.slice(0, colon), pair.slice(colon + 1)];
  return { clientId: formDecoded(id), secrets: secret === '' ? [] : distinct(formDecoded(secret), secret) };
}

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The text without its form-encoding; as it is, where it has none. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
