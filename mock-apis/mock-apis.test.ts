import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMockApis, type MockApis } from './mock-apis';
import { defaultSettings } from './settings';

let apis: MockApis;
let url: string;

beforeEach(async () => {
  apis = createMockApis({ port: 0, userApi: { delayMs: [0, 0], failRate: 0 } });
  ({ url } = await apis.start());
});
afterEach(() => apis.stop());

async function call(method: string, path: string, body?: unknown) {
  const answer = await fetch(url + path, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'Content-Type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

describe('/_control', () => {
  it('shows the settings and changes those that are named', async () => {
    const before = await call('GET', '/_control');
    expect(before.body).toEqual({
      ...defaultSettings(),
      port: 0,
      userApi: { ...defaultSettings().userApi, delayMs: [0, 0], failRate: 0 },
    });
    const after = await call('PUT', '/_control', { userApi: { failRate: 1, failStatuses: [418] } });
    expect(after.status).toBe(200);
    expect(after.body.userApi).toEqual({ ...before.body.userApi, failRate: 1, failStatuses: [418] });
    expect((await call('GET', '/_control')).body).toEqual(after.body);
    expect((await call('GET', '/api/users/user1/profile')).status).toBe(418);
  });

  it('refuses what is wrong, names all of it and changes nothing', async () => {
    const before = await call('GET', '/_control');
    const wrong = { seed: 5, userApi: { failRate: 1, failrate: 1 }, adeventsx: { behaviour: 'explode' } };
    const { status, body } = await call('PUT', '/_control', wrong);
    expect(status).toBe(400);
    expect(body).toEqual({
      error: 'invalid_settings',
      errors: [
        'seed can only be set at start',
        expect.stringMatching(/^userApi\.failrate is not a setting; known are: /),
        expect.stringMatching(/^adeventsx\.behaviour must be a behaviour of .*, not "explode"$/),
      ],
    });
    expect(await call('GET', '/_control')).toEqual(before);
  });

  it.each([
    ['no JSON', '{', 400, 'invalid_request'],
    ['a list', [], 400, 'invalid_settings'],
    ['too much', { userApi: 'x'.repeat(1024 * 1024) }, 413, 'invalid_request'],
  ])('refuses %s', async (_what, body, status, error) => {
    expect(await call('PUT', '/_control', body)).toMatchObject({ status, body: { error } });
  });

  it('refuses a body that is not called JSON', async () => {
    const answer = await fetch(`${url}/_control`, { method: 'PUT', body: '{}' });
    expect(answer.status).toBe(400);
  });

  it('shrinks what is remembered at once', async () => {
    for (const id of ['a', 'b']) await call('POST', '/addEvent', { id, name: 'n', userId: '1' });
    for (let index = 0; index < 3; index += 1) await call('POST', '/v1/conversions', {});
    await call('PUT', '/_control', { eventApi: { remember: 1 }, adeventsx: { remember: 2 } });
    const { body } = await call('GET', '/v1/calls');
    expect([body.count, body.calls.length]).toEqual([3, 2]);
    expect((await call('GET', '/_received/addEvent')).body).toMatchObject({ accepted: 2, ids: ['b'] });
  });

  it('reset starts all over, with the settings as they are', async () => {
    apis.set({ adeventsx: { behaviour: '500' } });
    await call('POST', '/v1/conversions', {});
    await call('POST', '/addEvent', { id: 'a', name: 'n', userId: '1' });
    await call('GET', '/api/users/user1/profile');
    expect((await call('POST', '/_control/reset')).status).toBe(204);
    expect((await call('GET', '/v1/calls')).body.count).toBe(0);
    expect((await call('GET', '/_received/addEvent')).body.calls).toBe(0);
    expect((await call('GET', '/_counters')).body.userApi.profile.calls).toBe(0);
    expect((await call('POST', '/v1/conversions', {})).status).toBe(500);
  });
});

describe('/_counters', () => {
  const idle = { calls: 0, answered: {}, unanswered: 0, inFlight: 0, maxInFlight: 0 };

  it('counts the calls of each source apart', async () => {
    await call('GET', '/api/users/user1/profile');
    await call('GET', '/api/users/nobody/profile');
    await call('GET', '/api/users/user1/posts');
    await call('GET', '/getUsers');
    await call('POST', '/v1/conversions', {});
    const { body } = await call('GET', '/_counters');
    expect(body.userApi).toEqual({
      profile: { calls: 2, answered: { 200: 1, 404: 1 }, unanswered: 0, inFlight: 0, maxInFlight: 1 },
      posts: { calls: 1, answered: { 200: 1 }, unanswered: 0, inFlight: 0, maxInFlight: 1 },
      analytics: idle,
    });
    expect(body.eventApi).toEqual({
      getUsers: { calls: 1, answered: { 200: 1 }, unanswered: 0, inFlight: 0, maxInFlight: 1 },
      getUserById: idle,
      getEvents: idle,
      getEventById: idle,
      addEvent: idle,
    });
    expect(body.adeventsx.conversions).toMatchObject({ calls: 1, answered: { 401: 1 } });
  });

  it('knows how many calls were in flight together, and starts from 0 on DELETE', async () => {
    apis.set({ userApi: { hangRate: 1 } });
    const control = new AbortController();
    const path = `${url}/api/users/user1/posts`;
    const hanging = Array.from({ length: 5 }, () => fetch(path, { signal: control.signal }).catch(() => 'aborted'));
    while (apis.counters().userApi['posts']?.inFlight !== 5) await new Promise(setImmediate);
    control.abort();
    expect(await Promise.all(hanging)).toEqual(new Array(5).fill('aborted'));
    while (apis.counters().userApi['posts']?.inFlight !== 0) await new Promise(setImmediate);
    apis.set({ userApi: { hangRate: 0 } });
    await call('GET', '/api/users/user1/posts');
    const posts = { calls: 6, answered: { 200: 1 }, unanswered: 5, inFlight: 0, maxInFlight: 5 };
    expect((await call('GET', '/_counters')).body.userApi.posts).toEqual(posts);
    expect((await call('DELETE', '/_counters')).status).toBe(204);
    const { body } = await call('GET', '/_counters');
    for (const counts of [
      ...Object.values(body.userApi),
      ...Object.values(body.eventApi),
      body.adeventsx.conversions,
    ]) {
      expect(counts).toEqual(idle);
    }
  });
});

describe('every other request', () => {
  it.each([
    ['GET', '/'],
    ['POST', '/getUsers'],
    ['GET', '/api/users/user1'],
    ['GET', '/api/users/user1/orders'],
  ])('%s %s is a 404 in JSON', async (method, path) => {
    const { status, body } = await call(method, path);
    expect(status).toBe(404);
    expect(body).toEqual({ error: 'not_found', message: `${method} ${path} is no route of the simulated upstreams` });
  });

  it('a path that cannot be decoded is a 400 in JSON', async () => {
    expect(await call('GET', '/getUserById/%ff')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });
});

describe('start and stop', () => {
  it('stops with calls hanging, harmless twice, and comes back on the same port', async () => {
    apis.set({ userApi: { hangRate: 1 } });
    const hanging = call('GET', '/api/users/user1/posts').catch(String);
    while (apis.counters().userApi['posts']?.inFlight !== 1) await new Promise(setImmediate);
    await apis.stop();
    expect(await hanging).toContain('fetch failed');
    await apis.stop();
    await expect(call('GET', '/health')).rejects.toThrow('fetch failed');
    expect((await apis.start()).url).toBe(url);
    expect((await call('GET', '/health')).status).toBe(200);
    await expect(apis.start()).rejects.toThrow('running already');
  });

  it('does not start on a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(createMockApis({ port }).start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => other.close(resolve));
  });

  it('refuses wrong settings', () => {
    expect(() => createMockApis({ port: -1, userApi: { failRate: 2 } })).toThrow(
      /^port must be a whole number from 0 to 65535, not -1\nuserApi\.failRate must be /,
    );
  });
});
