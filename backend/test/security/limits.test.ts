import supertest from 'supertest';

import { TestGateway } from '../support/test-gateway';

const PER_MINUTE = 20;
const gateway = new TestGateway({ RATE_LIMIT_PER_MINUTE: String(PER_MINUTE), TRUST_PROXY: '1' });

beforeAll(() => gateway.start());
afterAll(() => gateway.dispose());

/** From another address each, as the proxy in front says. */
const from = (address: string, request: supertest.Test) => request.set('X-Forwarded-For', address);
const statuses = async (count: number, send: () => supertest.Test) => {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await send()).status);
  return seen;
};
const tokenOf = async (clientId: string, address: string) => {
  const response = await from(address, supertest(gateway.url).post('/auth').send({ clientId }));
  return (response.body as { access_token: string }).access_token;
};

test('a client has its requests a minute, told in every answer; others are not held up', async () => {
  const token = await tokenOf('marketing-dashboard', '192.0.2.1');
  const get = () => supertest(gateway.url).get('/events').set('Authorization', `Bearer ${token}`);
  const first = await get();
  expect(first.headers).toMatchObject({
    'ratelimit-policy': `"client";q=${PER_MINUTE};w=60`,
    ratelimit: `"client";r=${PER_MINUTE - 1};t=3`,
  });
  expect(await statuses(PER_MINUTE - 1, get)).toEqual(Array(PER_MINUTE - 1).fill(200));
  const refused = await get();
  expect([refused.status, (refused.body as { code: string }).code]).toEqual([429, 'rate_limited']);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(3);
  expect(refused.headers['ratelimit']).toMatch(/^"client";r=0;t=\d+$/);
  const other = await tokenOf('mobile-app', '192.0.2.1');
  const open = await supertest(gateway.url).get('/events').set('Authorization', `Bearer ${other}`);
  expect(open.status).toBe(200);
});

test.each([
  ['without a token', '192.0.2.2', () => supertest(gateway.url).get('/events'), 401],
  [
    'with a wrong one',
    '192.0.2.3',
    () => supertest(gateway.url).get('/events').set('Authorization', 'Bearer a.b.c'),
    401,
  ],
  ['to an open route', '192.0.2.4', () => supertest(gateway.url).get('/version'), 200],
  ['to nowhere', '192.0.2.5', () => supertest(gateway.url).get('/nowhere'), 404],
  ['by a wrong method', '2001:db8::1', () => supertest(gateway.url).put('/events'), 405],
])('an address is held to them %s, and only it', async (_name, address, send, status) => {
  expect(await statuses(PER_MINUTE, () => from(address, send()))).toEqual(Array(PER_MINUTE).fill(status));
  const refused = await from(address, send());
  expect([refused.status, refused.headers['ratelimit-policy']]).toEqual([429, `"address";q=${PER_MINUTE};w=60`]);
  expect((await from('198.51.100.1', supertest(gateway.url).get('/version'))).status).toBe(200);
  expect((await from(address, supertest(gateway.url).get('/health'))).status).toBe(200);
});

test('a whole IPv6 network of a site is one address', async () => {
  const get = (host: number) => from(`2001:db8:0:7::${host}`, supertest(gateway.url).get('/version'));
  for (let host = 1; host <= PER_MINUTE; host += 1) expect((await get(host)).status).toBe(200);
  expect((await get(PER_MINUTE + 1)).status).toBe(429);
});

test('a wrong secret is tried ten times a minute for each client and address, and locks nobody else out', async () => {
  const attempt = (address: string, clientSecret: string) =>
    from(address, supertest(gateway.url).post('/auth').send({ clientId: 'operator', clientSecret }));
  expect(await statuses(12, () => attempt('192.0.2.9', 'wrong'))).toEqual([...Array(10).fill(401), 429, 429]);
  expect((await attempt('192.0.2.9', 'operator-dev-secret')).status).toBe(429);
  expect((await attempt('192.0.2.10', 'operator-dev-secret')).status).toBe(200);
});
