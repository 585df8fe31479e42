import { createHmac, createSecretKey } from 'node:crypto';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { JwtSigner } from '../../external-services/tokens/jwt-signer';
import { hmacTokenKey } from '../../external-services/tokens/token-key';
import type { TokenSigner } from '../../interfaces/token-signer';
import type { Client, TokenClaims, TokenVerdict } from '../../types/auth';
import { ClientRegistry } from './client-registry';
import { TokenService } from './token-service';

const KEY = hmacTokenKey(createSecretKey(Buffer.from('a-secret-of-at-least-32-bytes-here')));
const PIPELINE: Client = { id: 'pipeline', isPublic: true, secretDigests: [], scopes: ['events:write', 'events:read'] };
const APP: Client = { id: 'app', isPublic: true, secretDigests: [], scopes: ['users:read'] };

/** Counts what it is asked to open, so that a test can see whether a token was remembered. */
class CountingSigner implements TokenSigner {
  opened = 0;
  generation = 0;
  private readonly signer = new JwtSigner([KEY]);
  sign = (claims: TokenClaims) => this.signer.sign(claims);
  open(token: string) {
    this.opened += 1;
    return this.signer.open(token);
  }
}

function build(rememberedMax?: number) {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const clients = new ClientRegistry([PIPELINE, APP]);
  const signer = new CountingSigner();
  const tokens = new TokenService({ signer, clients, runtime, ...(rememberedMax && { rememberedMax }) });
  const nowSeconds = runtime.now() / 1000;
  const claims = {
    iss: 'sluice',
    aud: 'sluice',
    sub: 'pipeline',
    iat: nowSeconds,
    exp: nowSeconds + 3600,
    jti: 'id-1',
    scope: 'events:write',
  };
  const sign = (changes: object) => signer.sign({ ...claims, ...changes });
  return { runtime, clients, signer, tokens, nowSeconds, claims, sign };
}

const reasonOf = (verdict: TokenVerdict) => (verdict.kind === 'invalid' ? verdict.reason : 'it was taken');

describe('a token that was issued', () => {
  it('names its client and its scopes', () => {
    const { tokens } = build();
    const { token, lifetimeSeconds, scopes } = tokens.issue(PIPELINE, ['events:read']);
    expect({ lifetimeSeconds, scopes }).toEqual({ lifetimeSeconds: 3600, scopes: ['events:read'] });
    expect(tokens.verify(token)).toEqual({ kind: 'valid', caller: { clientId: 'pipeline', scopes: ['events:read'] } });
  });

  it('carries every claim, with an id of its own', () => {
    const { tokens, signer, nowSeconds } = build();
    const claimsOf = (token: string) => {
      const opened = signer.open(token);
      return opened.kind === 'signed' ? opened.claims : {};
    };
    const claims = claimsOf(tokens.issue(PIPELINE, PIPELINE.scopes).token);
    expect(claims).toEqual({
      iss: 'sluice',
      aud: 'sluice',
      sub: 'pipeline',
      iat: nowSeconds,
      exp: nowSeconds + 3600,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      scope: 'events:write events:read',
    });
    expect(claimsOf(tokens.issue(PIPELINE, []).token)['jti']).not.toBe(claims['jti']);
  });

  it.each(['first seen then', 'remembered'])('holds to the last millisecond of its hour and no longer (%s)', (when) => {
    const { tokens, runtime } = build();
    const { token } = tokens.issue(PIPELINE, PIPELINE.scopes);
    if (when === 'remembered') tokens.verify(token);
    runtime.stall(3_599_999);
    expect(tokens.verify(token).kind).toBe('valid');
    runtime.stall(1);
    expect(reasonOf(tokens.verify(token))).toBe('The token has expired.');
    expect(reasonOf(tokens.verify(token))).toBe('The token has expired.');
  });
});

describe('refused', () => {
  const { nowSeconds: now } = build();
  const hour = 3600;

  it.each(['iss', 'aud', 'sub', 'exp', 'iat', 'jti', 'scope'] as const)('a token without %s', (name) => {
    const { tokens, claims } = build();
    const { [name]: _, ...rest } = claims;
    // The library would add `iat` by itself, so the token is signed in a form that it cannot
    // change.
    const unsigned = name === 'iat' ? signExactly(rest) : build().signer.sign(rest as TokenClaims);
    expect(reasonOf(tokens.verify(unsigned))).toContain(`claim ${name} `);
  });

  it.each([
    ['another issuer', { iss: 'other' }, 'claim iss'],
    ['another audience', { aud: 'other' }, 'claim aud'],
    ['several audiences', { aud: ['sluice', 'other'] }, 'claim aud'],
    ['an empty subject', { sub: '' }, 'claim sub'],
    ['a subject without end', { sub: 'x'.repeat(129) }, 'claim sub'],
    ['an empty id', { jti: '' }, 'claim jti'],
    ['an unknown client', { sub: 'nobody' }, 'no longer exists'],
    ['a client named after a property of objects', { sub: 'constructor' }, 'no longer exists'],
    ['a time of expiry that is past', { iat: now - hour, exp: now }, 'expired'],
    ['a time of expiry that is zero', { exp: 0 }, 'expired'],
    ['an issue in the future', { iat: now + 61, exp: now + hour }, 'in the future'],
    ['a long life', { exp: now + hour + 1 }, 'lives longer'],
    ['a long life that began long ago', { iat: now - 90 * 24 * hour, exp: now + hour }, 'lives longer'],
    ['an expiry before its issue', { iat: now + 30, exp: now + 20 }, 'lives longer'],
    ['a start in the future', { nbf: now + 61 }, 'not valid yet'],
  ])('%s', (_name, changes, reason) => {
    const { tokens, sign } = build();
    expect(reasonOf(tokens.verify(sign(changes)))).toContain(reason);
  });

  it.each([
    ['an expiry that is text', { exp: String(now + hour) }, 'claim exp'],
    ['an expiry between two seconds', { exp: now + 10.5 }, 'claim exp'],
    ['a subject that is a number', { sub: 1 }, 'claim sub'],
    ['a subject that is an array', { sub: ['pipeline'] }, 'claim sub'],
    ['an id that is a number', { jti: 1 }, 'claim jti'],
    ['an issuer in an array', { iss: ['sluice'] }, 'claim iss'],
    ['an issue that is text', { iat: String(now) }, 'claim iat'],
    ['a negative issue', { iat: -1 }, 'claim iat'],
    ['scopes in an array', { scope: ['events:write'] }, 'claim scope'],
    ['a start that is text', { nbf: '1' }, 'not valid yet'],
  ])('%s', (_name, changes, reason) => {
    const { tokens, claims } = build();
    expect(reasonOf(tokens.verify(signExactly({ ...claims, ...changes })))).toContain(reason);
  });

  it('a token over 8 KB, unread', () => {
    const { tokens, signer, sign } = build();
    const long = sign({ filler: 'x'.repeat(8192) });
    expect(reasonOf(tokens.verify(long))).toContain('longer than 8192');
    expect(signer.opened).toBe(0);
  });

  it('what is no token, every time', () => {
    const { tokens } = build();
    expect([tokens.verify('x').kind, tokens.verify('x').kind, tokens.verify('').kind]).toEqual([
      'invalid',
      'invalid',
      'invalid',
    ]);
  });

  it('none whose issuer is less than a minute ahead of us', () => {
    const { tokens, sign, nowSeconds } = build();
    expect(tokens.verify(sign({ iat: nowSeconds + 60 })).kind).toBe('valid');
  });
});

describe('the scopes of a caller', () => {
  it('are those of the token that there are and that the client has', () => {
    const { tokens, sign } = build();
    const verdict = tokens.verify(sign({ scope: 'events:read ops:write made:up' }));
    expect(verdict).toEqual({ kind: 'valid', caller: { clientId: 'pipeline', scopes: ['events:read'] } });
  });

  it('follow the clients when these are replaced, also for a remembered token', () => {
    const { tokens, clients } = build();
    const { token } = tokens.issue(PIPELINE, PIPELINE.scopes);
    expect(tokens.verify(token).kind).toBe('valid');
    clients.replace([{ ...PIPELINE, scopes: ['events:read', 'ops:write'] }]);
    expect(tokens.verify(token)).toMatchObject({ caller: { scopes: ['events:read'] } });
    clients.replace([APP]);
    expect(reasonOf(tokens.verify(token))).toContain('no longer exists');
    clients.replace([PIPELINE]);
    expect(tokens.verify(token)).toMatchObject({ caller: { scopes: PIPELINE.scopes } });
  });
});

describe('the memory of tokens', () => {
  it('opens a token once', () => {
    const { tokens, signer } = build();
    const { token } = tokens.issue(PIPELINE, PIPELINE.scopes);
    for (let times = 0; times < 5; times += 1) expect(tokens.verify(token).kind).toBe('valid');
    expect(signer.opened).toBe(1);
  });

  it('keeps tokens of one client apart', () => {
    const { tokens } = build();
    const [writer, reader] = [tokens.issue(PIPELINE, ['events:write']), tokens.issue(PIPELINE, ['events:read'])];
    const scopesOf = (token: string) => {
      const verdict = tokens.verify(token);
      return verdict.kind === 'valid' ? verdict.caller.scopes : verdict;
    };
    for (let times = 0; times < 2; times += 1) {
      expect([scopesOf(writer.token), scopesOf(reader.token)]).toEqual([['events:write'], ['events:read']]);
    }
  });

  it('is bounded: the token first seen is forgotten first, and still taken', () => {
    const { tokens, signer } = build(2);
    const issued = [1, 2, 3].map(() => tokens.issue(PIPELINE, PIPELINE.scopes).token);
    for (const token of issued) tokens.verify(token);
    expect(signer.opened).toBe(3);
    for (const token of issued.slice(1)) tokens.verify(token);
    expect(signer.opened).toBe(3);
    expect(tokens.verify(issued[0] ?? '').kind).toBe('valid');
    expect(signer.opened).toBe(4);
  });

  it('holds nothing that was refused', () => {
    const { tokens, signer, sign } = build(2);
    const { token } = tokens.issue(PIPELINE, PIPELINE.scopes);
    tokens.verify(token);
    for (let index = 0; index < 5; index += 1) tokens.verify(sign({ aud: 'other', jti: String(index) }));
    const before = signer.opened;
    tokens.verify(token);
    expect(signer.opened).toBe(before);
  });
});

/** Signs claims exactly as they are. */
function signExactly(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT', kid: KEY.id })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', KEY.signWith).update(signed).digest('base64url')}`;
}
