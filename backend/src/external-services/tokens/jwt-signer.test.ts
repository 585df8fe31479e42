import { createHmac, createPrivateKey, createSecretKey, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { TokenClaims } from '../../types/auth';
import { JwtSigner } from './jwt-signer';
import { hmacTokenKey } from './token-key';

const SECRET = 'first-secret-of-at-least-32-bytes!';
const OTHER_SECRET = 'other-secret-of-at-least-32-bytes!';
const first = hmacTokenKey(createSecretKey(Buffer.from(SECRET)));
const other = hmacTokenKey(createSecretKey(Buffer.from(OTHER_SECRET)));
const CLAIMS: TokenClaims = {
  iss: 'i',
  aud: 'a',
  sub: 's',
  exp: 2_000_000_000,
  iat: 1_900_000_000,
  jti: 'j',
  scope: 'x',
};

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A token with exactly this header, signed as HS256 does it whatever the header says. */
function forge(header: unknown, payload: unknown = CLAIMS, secret = SECRET, hmac = 'sha256'): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac(hmac, secret).update(signed).digest('base64url')}`;
}

describe('JwtSigner', () => {
  const signer = new JwtSigner([first]);

  it('opens what it signed', () => {
    expect(signer.open(signer.sign(CLAIMS))).toEqual({ kind: 'signed', claims: CLAIMS });
  });

  it('writes the algorithm, the type and the id of the key into the header, and nothing else', () => {
    const header = jwt.decode(signer.sign(CLAIMS), { complete: true })?.header;
    expect(header).toEqual({ alg: 'HS256', typ: 'JWT', kid: first.id });
  });

  it('opens a token in the form that it issues, made by other means', () => {
    expect(signer.open(forge({ alg: 'HS256', typ: 'JWT', kid: first.id }))).toEqual({ kind: 'signed', claims: CLAIMS });
  });

  it('leaves the time to others', () => {
    const old = { ...CLAIMS, exp: 1, nbf: 3_000_000_000 };
    expect(signer.open(signer.sign(old))).toMatchObject({ kind: 'signed', claims: old });
  });

  it('signs by the first of two keys and opens by both', () => {
    const rotating = new JwtSigner([other, first]);
    const [byOld, byNew] = [signer.sign(CLAIMS), rotating.sign(CLAIMS)];
    expect(jwt.decode(byNew, { complete: true })?.header.kid).toBe(other.id);
    expect([rotating.open(byOld).kind, rotating.open(byNew).kind]).toEqual(['signed', 'signed']);
    expect(signer.open(byNew)).toEqual({ kind: 'refused', reason: 'The token was signed by another key.' });
  });

  it('names keys without telling anything of them', () => {
    expect(first.id).toMatch(/^[0-9a-f]{8}$/);
    expect(first.id).not.toBe(other.id);
    expect(first.id).toBe(hmacTokenKey(createSecretKey(Buffer.from(SECRET))).id);
  });

  it.each(['none', 'HS512', 'RS256', 'hs256'])('refuses alg %s for the algorithm alone', (alg) => {
    const reason = 'The token was not signed by the algorithm in use.';
    expect(signer.open(forge({ alg, typ: 'JWT', kid: first.id }))).toEqual({ kind: 'refused', reason });
  });

  describe('refuses', () => {
    const good = signer.sign(CLAIMS);
    const [header = '', payload = '', signature = ''] = good.split('.');
    const flipped = signature.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A'));
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const kid = first.id;
    const cases: Record<string, string> = {
      nothing: '',
      garbage: 'garbage',
      'garbage in three parts': 'a.b.c',
      dots: '..',
      'a header that is no JSON': `${encode('{')}.${payload}.${signature}`,
      'a header that is null': forge('null'),
      'a header that is an array': forge([]),
      'a header that is a number': forge('1'),
      'a payload that is no JSON': forge({ alg: 'HS256', typ: 'JWT', kid }, '{'),
      'a payload that is a string': forge({ alg: 'HS256', typ: 'JWT', kid }, '"text"'),
      'a payload that is null': forge({ alg: 'HS256', typ: 'JWT', kid }, 'null'),
      'a payload that is an array': forge({ alg: 'HS256', typ: 'JWT', kid }, [CLAIMS]),
      'no signature': `${header}.${payload}.`,
      'two parts': `${header}.${payload}`,
      'four parts': `${good}.x`,
      'a changed signature': `${header}.${payload}.${flipped}`,
      'a cut signature': good.slice(0, -4),
      'a padded signature': `${good}=`,
      'a space at the end': `${good} `,
      'a changed payload': `${header}.${encode({ ...CLAIMS, sub: 'operator' })}.${signature}`,
      'alg none': `${encode({ alg: 'none', typ: 'JWT', kid })}.${payload}.`,
      'alg None': `${encode({ alg: 'None', typ: 'JWT', kid })}.${payload}.`,
      'alg none with the signature': `${encode({ alg: 'none', typ: 'JWT', kid })}.${payload}.${signature}`,
      'alg HS512 with the right secret': jwt.sign(CLAIMS, SECRET, { algorithm: 'HS512', keyid: kid }),
      'alg HS384 with the right secret': jwt.sign(CLAIMS, SECRET, { algorithm: 'HS384', keyid: kid }),
      'alg RS256': jwt.sign(CLAIMS, pem, { algorithm: 'RS256', keyid: kid }),
      'alg ES256': jwt.sign(CLAIMS, createPrivateKey(ec.export({ type: 'pkcs8', format: 'pem' })), {
        algorithm: 'ES256',
        keyid: kid,
      }),
      'alg hs256 in lower case': forge({ alg: 'hs256', typ: 'JWT', kid }),
      'no alg': forge({ typ: 'JWT', kid }),
      'an alg that is an array': forge({ alg: ['HS256'], typ: 'JWT', kid }),
      'another secret under our kid': forge({ alg: 'HS256', typ: 'JWT', kid }, CLAIMS, OTHER_SECRET),
      'an empty secret': forge({ alg: 'HS256', typ: 'JWT', kid }, CLAIMS, ''),
      'an unknown kid': forge({ alg: 'HS256', typ: 'JWT', kid: '00000000' }),
      'no kid': forge({ alg: 'HS256', typ: 'JWT' }),
      'a kid that is a path': forge({ alg: 'HS256', typ: 'JWT', kid: '../../dev/null' }, CLAIMS, ''),
      'a kid that is an object': forge({ alg: 'HS256', typ: 'JWT', kid: { id: kid } }),
      'no typ': forge({ alg: 'HS256', kid }),
      'another typ': forge({ alg: 'HS256', typ: 'at+jwt', kid }),
      crit: forge({ alg: 'HS256', typ: 'JWT', kid, crit: ['exp'] }),
      b64: forge({ alg: 'HS256', typ: 'JWT', kid, b64: false }),
      'a key in the header': forge({ alg: 'HS256', typ: 'JWT', kid, jwk: { kty: 'oct', k: encode('x') } }),
      'the address of a key in the header': forge({ alg: 'HS256', typ: 'JWT', kid, jku: 'http://127.0.0.1/' }),
      'the secret in the wrong digest': forge({ alg: 'HS256', typ: 'JWT', kid }, CLAIMS, SECRET, 'sha512'),
    };

    it.each(Object.keys(cases))('%s', (name) => {
      const opened = signer.open(cases[name] ?? 'missing');
      expect(opened.kind).toBe('refused');
      // It goes into a quoted string of a header.
      expect((opened as { reason: string }).reason).toMatch(/^[ !#-[\]-~]+$/);
    });
  });
});
