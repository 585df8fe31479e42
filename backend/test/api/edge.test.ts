import { createHmac } from 'node:crypto';

import supertest from 'supertest';

import { createApp } from '../../src/app';
import type { Controllers, Route } from '../../src/routes/route';
import { MemoryEventStore } from '../../src/external-services/memory-event-store';
import { TestGateway } from '../support/test-gateway';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await new TestGateway().start();
});

afterAll(() => gateway.dispose());

const problem = (body: unknown) => body as { code: string; detail: string; instance: string };

describe('tokens', () => {
  test('POST /auth gives a token that opens the routes of its scopes', async () => {
    const response = await supertest(gateway.url).post('/auth').send({ clientId: 'marketing-dashboard' });
    expect([response.status, response.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(response.body).toMatchObject({
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'events:write events:read users:read',
    });
    const { access_token: token } = response.body as { access_token: string };
    expect((await gateway.get('/events/circuit-status', token)).status).toBe(200);
  });

  test('POST /auth/token narrows the scope; the missing one is then named', async () => {
    const response = await supertest(gateway.url)
      .post('/auth/token')
      .type('form')
      .auth('operator', 'operator-dev-secret')
      .send({ grant_type: 'client_credentials', scope: 'events:read' });
    expect([response.status, (response.body as { scope: string }).scope]).toEqual([200, 'events:read']);
    const { access_token: token } = response.body as { access_token: string };
    const refused = await supertest(gateway.url).post('/events').set('Authorization', `Bearer ${token}`).send({});
    expect([refused.status, problem(refused.body).code]).toEqual([403, 'insufficient_scope']);
    expect(problem(refused.body).detail).toContain('events:write');
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer .*scope="events:write"/);
  });

  test.each([
    ['a field that is repeated', 'grant_type=client_credentials&grant_type=client_credentials'],
    ['what is not UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
    ['no field at all', ''],
  ])('POST /auth/token refuses %s in the form of RFC 6749', async (_what, body) => {
    const response = await fetch(`${gateway.url}/auth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([400, 'application/json']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      error: 'invalid_request',
      error_description: expect.any(String) as string,
    });
  });

  test.each([[{ clientId: 'nobody' }], [{ clientId: 'operator', clientSecret: 'wrong' }], [{ clientId: 'operator' }]])(
    'refuses %j',
    async (body) => {
      const response = await supertest(gateway.url).post('/auth').send(body);
      expect([response.status, problem(response.body).code]).toEqual([401, 'invalid_client']);
    },
  );

  test('refuses a token signed by another key, and one that says alg none', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = part({
      iss: 'sluice',
      aud: 'sluice',
      sub: 'operator',
      iat: now,
      exp: now + 60,
      jti: 'x',
      scope: 'events:read',
    });
    const header = part({ alg: 'HS256', typ: 'JWT' });
    const signature = createHmac('sha256', 'another secret').update(`${header}.${claims}`).digest('base64url');
    for (const token of [`${header}.${claims}.${signature}`, `${part({ alg: 'none', typ: 'JWT' })}.${claims}.`]) {
      const response = await gateway.get('/events/circuit-status', token);
      expect([response.status, response.headers['www-authenticate']]).toEqual([
        401,
        expect.stringMatching(/^Bearer .*invalid_token/),
      ]);
    }
  });

  test('authentication precedes validation and the reading of the body', async () => {
    const response = await supertest(gateway.url).post('/events').type('text/plain').send('{');
    expect([response.status, problem(response.body).code]).toEqual([401, 'missing_token']);
  });
});

describe('requests', () => {
  test('a request id is taken, made, and named in the problem', async () => {
    const given = await supertest(gateway.url).get('/nowhere').set('X-Request-Id', 'abc 1');
    expect([given.status, given.headers['x-request-id'], problem(given.body).instance]).toEqual([
      404,
      'abc 1',
      'abc 1',
    ]);
    const made = await supertest(gateway.url).get('/health').set('X-Request-Id', 'x'.repeat(129));
    expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('a wrong method on a known path says which are right', async () => {
    const response = await supertest(gateway.url).delete('/auth');
    expect([response.status, response.headers['allow']]).toEqual([405, 'POST']);
    expect((await supertest(gateway.url).put('/health')).headers['allow']).toBe('GET, HEAD');
  });

  test('health, readiness and version need no token', async () => {
    const health = await supertest(gateway.url).get('/health');
    expect(health.body).toEqual({
      status: 'ok',
      timestamp: expect.any(String) as string,
      uptime: expect.any(Number) as number,
      environment: 'test',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    });
    const ready = await supertest(gateway.url).get('/ready');
    expect([ready.status, ready.body]).toEqual([
      200,
      { status: 'ready', parts: { server: { status: 'ready' }, store: { status: 'ready' } } },
    ]);
    expect((await supertest(gateway.url).get('/version')).text).toBe('v1');
  });

  test('readiness tells of a clock in doubt, and stays', async () => {
    const store = new MemoryEventStore();
    await store.markClock({ seenAt: Date.now() - 3 * 86_400_000, steadyMs: 86_400_000 });
    const doubting = await new TestGateway({}, { openStore: async () => store }).start();
    const ready = await supertest(doubting.url).get('/ready');
    await doubting.dispose();
    const { parts } = ready.body as { parts: Record<string, { status: string; detail: string }> };
    expect([ready.status, parts['retention']?.status]).toEqual([200, 'ready']);
    expect(parts['retention']?.detail).toContain('nothing is removed for another 24 h of running');
  });

  test('no header tells what runs here, and the safe ones are set', async () => {
    const { headers } = await supertest(gateway.url).get('/health');
    expect(headers['x-powered-by']).toBeUndefined();
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  test('a path with broken percent-encoding is a 400', async () => {
    const response = await gateway.get('/events/%E0%A4%A');
    expect([response.status, problem(response.body).code]).toEqual([400, 'invalid_request']);
  });
});

test('a route that declares no scope stops the start', () => {
  const route = { method: 'get', path: '/open', handler: () => undefined } as unknown as Route;
  const make = () =>
    createApp({
      routes: [route],
      controllers: {} as Controllers,
      authenticate: () => () => undefined,
      limiting: { byClient: () => undefined, byAddress: () => undefined, refused: () => undefined },
      publicUrl: '',
      corsOrigins: [],
      isOverloaded: () => false,
      observe: () => undefined,
      runtime: {} as never,
      log: {} as never,
      trustProxy: false,
    });
  expect(make).toThrow('GET /open declares no scope');
});
