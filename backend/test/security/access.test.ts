import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROUTES } from '../../src/routes/openapi';
import type { Route } from '../../src/routes/route';
import { SCOPES, type Scope } from '../../src/types/auth';
import { purchase, TestGateway } from '../support/test-gateway';

// Every route of the table against every credential: who may not come in does not, whatever it brings.

const SECRET = 'the-secret-that-signs-in-this-test-1';
const folder = mkdtempSync(join(tmpdir(), 'sluice-access-'));
const clientsFile = join(folder, 'clients.yml');
const ownClients = `  - { id: all, public: true, scopes: [${SCOPES.join(', ')}] }\n  - { id: other, public: true, scopes: ['events:read', 'events:write'] }\n`;
const gateway = new TestGateway({ JWT_SECRET: SECRET, CLIENTS_FILE: clientsFile });

beforeAll(async () => {
  writeFileSync(clientsFile, `clients:\n${ownClients}  - { id: gone, public: true, scopes: [${SCOPES.join(', ')}] }\n`);
  await gateway.start();
});
afterAll(async () => {
  await gateway.dispose();
  rmSync(folder, { recursive: true });
});

const pathOf = ({ path }: Route) => path.replaceAll(/:[A-Za-z]+/g, randomUUID()).replaceAll(/[{}]|\*\w+/g, '');

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const hmac = (hash: string, text: string, key: string | Buffer) =>
  createHmac(hash, key).update(text).digest('base64url');
const kid = createHmac('sha256', SECRET).update('sluice token key id').digest('hex').slice(0, 8);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

const goodHeader = { alg: 'HS256', typ: 'JWT', kid };
const goodClaims = (scope = SCOPES.join(' ')) => ({
  iss: 'sluice',
  aud: 'sluice',
  sub: 'all',
  iat: now(),
  exp: now() + 3600,
  jti: randomUUID(),
  scope,
});
/** A token of our own key, with changes; undefined takes a member out. */
const token = (claims: object = {}, header: object = {}, scope?: string) => {
  const text = `${part({ ...goodHeader, ...header })}.${part({ ...goodClaims(scope), ...claims })}`;
  return `${text}.${hmac('sha256', text, SECRET)}`;
};
const unsigned = (header: object, seal: (text: string) => string) => {
  const text = `${part({ ...goodHeader, ...header })}.${part(goodClaims())}`;
  return `${text}.${seal(text)}`;
};

const WRONG: Readonly<Record<string, () => string>> = {
  malformed: () => 'a.b',
  'not base64': () => '!!!.###.$$$',
  'three empty parts': () => '..',
  expired: () => token({ iat: now() - 7200, exp: now() - 3600 }),
  'of the future': () => token({ iat: now() + 3600, exp: now() + 7200 }),
  'not valid yet': () => token({ nbf: now() + 3600 }),
  'for ever': () => token({ exp: now() + 10 * 365 * 86_400 }),
  'alg none': () => unsigned({ alg: 'none' }, () => ''),
  'alg None with our signature': () => unsigned({ alg: 'None' }, (text) => hmac('sha256', text, SECRET)),
  'alg HS512 with our key': () => unsigned({ alg: 'HS512' }, (text) => hmac('sha512', text, SECRET)),
  'alg RS256': () =>
    unsigned({ alg: 'RS256' }, (text) => sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')),
  'alg ES256 of zeros': () => unsigned({ alg: 'ES256' }, () => Buffer.alloc(64).toString('base64url')),
  'another key': () => unsigned({}, (text) => hmac('sha256', text, 'another-secret-of-32-bytes-or-more')),
  'an empty key': () => unsigned({}, (text) => hmac('sha256', text, '')),
  'another kid': () => unsigned({ kid: '../../dev/null' }, (text) => hmac('sha256', text, '')),
  'no kid': () => token({}, { kid: undefined }),
  'a key of its own': () =>
    unsigned({ jwk: { kty: 'oct', k: 'AAAA' } }, (text) => hmac('sha256', text, Buffer.from('AAAA', 'base64url'))),
  'a key by address': () => token({}, { jku: 'http://127.0.0.1/keys' }),
  'a critical extension': () => token({}, { crit: ['exp'] }),
  'another type': () => token({}, { typ: 'at+jwt' }),
  'no type': () => token({}, { typ: undefined }),
  'a changed claim': () => {
    const [header, , signature] = token({}, {}, 'events:read').split('.');
    return `${header}.${part(goodClaims())}.${signature}`;
  },
  'a cut signature': () => token().slice(0, -1),
  'no signature': () => token().replace(/\.[^.]*$/, '.'),
  'four parts': () => `${token()}.x`,
  'more than 8 KiB': () => token({ jti: 'x'.repeat(9000) }),
  'another issuer': () => token({ iss: 'elsewhere' }),
  'another audience': () => token({ aud: 'elsewhere' }),
  'a list of audiences': () => token({ aud: ['sluice'] }),
  'an unknown client': () => token({ sub: 'nobody' }),
  'a client of the prototype': () => token({ sub: '__proto__' }),
  ...Object.fromEntries(Object.keys(goodClaims()).map((claim) => [`no ${claim}`, () => token({ [claim]: undefined })])),
  'exp as text': () => token({ exp: String(now() + 60) }),
  'exp beyond numbers': () => token({ exp: Number.MAX_VALUE }),
};

async function call(route: Route, authorization: string | null): Promise<Response> {
  const response = await fetch(`${gateway.url}${pathOf(route)}`, {
    method: route.method.toUpperCase(),
    ...(authorization !== null && { headers: { authorization } }),
  });
  await response.body?.cancel();
  return response;
}

const guarded = ROUTES.filter((route): route is Route & { scope: Scope } => route.scope !== 'public');
const named = guarded.map((route) => [`${route.method.toUpperCase()} ${route.path}`, route] as const);

test('the table is the one of the contract: what is open is named here, all else has a scope', () => {
  expect(ROUTES.filter(({ scope }) => scope === 'public').map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/auth', '/auth/token', '/health', '/ready', '/version', '/.well-known/jwks.json']),
  );
  const open = /^\/(|auth|auth\/token|health|ready|version|openapi\.json|docs.*|console.*|\.well-known\/jwks\.json)$/;
  expect(ROUTES.filter(({ scope, path }) => scope === 'public' && !open.test(path))).toEqual([]);
  expect(guarded.filter(({ scope }) => !SCOPES.includes(scope))).toEqual([]);
  expect(guarded.length).toBeGreaterThan(10);
});

test.each(named)('%s lets in none of the wrong credentials', async (_name, route) => {
  const none = await call(route, null);
  expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="sluice"']);
  for (const header of ['', 'Bearer', 'Basic YWxsOg==', `Token ${token()}`, `Bearer ${token()}, Bearer ${token()}`]) {
    expect([header.slice(0, 12), (await call(route, header)).status]).toEqual([header.slice(0, 12), 401]);
  }
  for (const [what, make] of Object.entries(WRONG)) {
    const response = await call(route, `Bearer ${make()}`);
    expect([what, response.status, response.headers.get('www-authenticate')]).toEqual([
      what,
      401,
      expect.stringMatching(/^Bearer realm="sluice", error="invalid_token"/),
    ]);
  }
});

test.each(named)('%s wants its own scope and no other', async (_name, route) => {
  const others = SCOPES.filter((scope) => scope !== route.scope).join(' ');
  const refused = await call(route, `Bearer ${token({}, {}, others)}`);
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    403,
    `Bearer realm="sluice", error="insufficient_scope", scope="${route.scope}"`,
  ]);
  // A scope that the token has and its client has not is none.
  const borrowed = await call(route, `Bearer ${token({ sub: 'other' })}`);
  const isOthers = route.scope === 'events:read' || route.scope === 'events:write';
  expect([401, 403].includes(borrowed.status)).toBe(!isOthers);
  const admitted = await call(route, `Bearer ${token({}, {}, route.scope)}`);
  expect([401, 403]).not.toContain(admitted.status);
});

test('the tokens of a client end with the client, and others go on', async () => {
  const gone = token({ sub: 'gone' });
  expect((await gateway.get('/events', gone)).status).toBe(200);
  writeFileSync(clientsFile, `clients:\n${ownClients}`);
  await gateway.reload();
  for (const route of guarded) expect((await call(route, `Bearer ${gone}`)).status).toBe(401);
  expect((await gateway.get('/events', token())).status).toBe(200);
});

test("another client's event is not there; whoever may read all events sees it", async () => {
  const id = randomUUID();
  const posted = await fetch(`${gateway.url}/events`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token({ sub: 'other' }, {}, 'events:write')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify(purchase({ event_id: id })),
  });
  expect(posted.status).toBe(202);
  const reads = guarded.filter(({ method, path }) => method === 'get' && /^\/events\/:\w+/.test(path));
  expect(reads.length).toBeGreaterThanOrEqual(2);
  for (const { path } of reads) {
    const at = path.replace(/:\w+/, id);
    const statuses = await Promise.all(
      [
        token({}, {}, 'events:read'),
        token({ sub: 'other' }, {}, 'events:read'),
        token({}, {}, 'events:read events:read:all'),
      ].map(async (bearer) => (await gateway.get(at, bearer)).status),
    );
    expect([path, ...statuses]).toEqual([path, 404, 200, 200]);
  }
  const list = async (bearer: string) =>
    ((await gateway.get('/events', bearer)).body as { data: { event_id: string }[] }).data.map(
      ({ event_id }) => event_id,
    );
  expect(await list(token({}, {}, 'events:read'))).not.toContain(id);
  expect(await list(token({}, {}, 'events:read events:read:all'))).toContain(id);
});
