import { TokenRequestError, readTokenRequest } from './token-request';

const GRANT = { grant_type: 'client_credentials' };
const basic = (pair: string, scheme = 'Basic') => [
  'Host',
  'x',
  'Authorization',
  `${scheme} ${Buffer.from(pair).toString('base64')}`,
];

function codeOf(form: Record<string, string>, rawHeaders: string[] = []): string {
  try {
    readTokenRequest(form, rawHeaders);
  } catch (error) {
    if (!(error instanceof TokenRequestError)) throw error;
    // RFC 6749, section 5.2: what may stand in error_description.
    expect(error.detail).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
    return error.code;
  }
  return 'taken';
}

describe('readTokenRequest', () => {
  it.each<[string, Record<string, string>, string[], object]>([
    ['credentials in the body', { client_id: 'a', client_secret: 's' }, [], { clientId: 'a', secrets: ['s'] }],
    ['an id alone', { client_id: 'a' }, [], { clientId: 'a', secrets: [] }],
    ['an empty secret, as left out', { client_id: 'a', client_secret: '' }, [], { clientId: 'a', secrets: [] }],
    ['HTTP Basic', {}, basic('a:s'), { clientId: 'a', secrets: ['s'] }],
    ['Basic in any case', {}, basic('a:s', 'bAsIc'), { clientId: 'a', secrets: ['s'] }],
    [
      'Basic with form-encoded parts',
      {},
      basic('a%3Ab:s+%2B%25%3A%C3%A9'),
      { clientId: 'a:b', secrets: ['s +%:é', 's+%2B%25%3A%C3%A9'] },
    ],
    ['Basic with raw + / =', {}, basic('a:q+w/e='), { clientId: 'a', secrets: ['q w/e=', 'q+w/e='] }],
    ['Basic with a raw percent sign', {}, basic('a:s%2'), { clientId: 'a', secrets: ['s%2'] }],
    ['a raw + in the body', { client_id: 'a', client_secret: 'q w' }, [], { clientId: 'a', secrets: ['q w', 'q+w'] }],
    ['Basic with a secret that holds colons', {}, basic('a:s:t:'), { clientId: 'a', secrets: ['s:t:'] }],
    ['Basic without a secret', {}, basic('a:'), { clientId: 'a', secrets: [] }],
    ['Basic with the same id in the body', { client_id: 'a' }, basic('a:s'), { clientId: 'a', secrets: ['s'] }],
    ['a scope', { client_id: 'a', scope: 'x y' }, [], { scope: 'x y' }],
    ['an empty scope, as left out', { client_id: 'a', scope: '' }, [], { scope: undefined }],
    ['fields that it does not know', { client_id: 'a', audience: 'x', resource: 'y' }, [], { clientId: 'a' }],
  ])('takes %s', (_name, form, rawHeaders, expected) => {
    expect(readTokenRequest({ ...GRANT, ...form }, rawHeaders)).toMatchObject(expected);
  });

  it.each<[string, string, Record<string, string>, string[]]>([
    ['no grant type', 'invalid_request', { client_id: 'a' }, []],
    ['an empty grant type', 'invalid_request', { client_id: 'a', grant_type: '' }, []],
    ['another grant type', 'unsupported_grant_type', { client_id: 'a', grant_type: 'password' }, []],
    ['no credentials', 'invalid_client', GRANT, []],
    ['a secret without an id', 'invalid_client', { ...GRANT, client_secret: 's' }, []],
    ['a secret in both places', 'invalid_request', { ...GRANT, client_id: 'a', client_secret: 's' }, basic('a:s')],
    ['another id in the body', 'invalid_request', { ...GRANT, client_id: 'b' }, basic('a:s')],
    ['two Authorization headers', 'invalid_request', GRANT, [...basic('a:s'), ...basic('b:s')]],
    ['a Bearer token', 'invalid_client', GRANT, ['authorization', 'Bearer abc']],
    ['Basic without a value', 'invalid_client', GRANT, ['Authorization', 'Basic']],
    ['Basic that is not base64', 'invalid_client', GRANT, ['Authorization', 'Basic a*b']],
    ['Basic without a colon', 'invalid_client', GRANT, basic('abc')],
    ['Basic without an id', 'invalid_client', GRANT, basic(':s')],
    [
      'Basic that is not UTF-8',
      'invalid_client',
      GRANT,
      ['Authorization', `Basic ${Buffer.from([97, 58, 255]).toString('base64')}`],
    ],
    ['an Authorization header that is empty', 'invalid_client', { ...GRANT, client_id: 'a' }, ['Authorization', '']],
  ])('refuses %s: %s', (_name, code, form, rawHeaders) => {
    expect(codeOf(form, rawHeaders)).toBe(code);
  });

  it('does not take a header value for a header name', () => {
    expect(codeOf({ ...GRANT, client_id: 'a' }, ['X-Note', 'authorization', 'Basic', 'x'])).toBe('taken');
  });
});
