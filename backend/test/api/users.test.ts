import { request as httpRequest } from 'node:http';

import supertest from 'supertest';

import { createMockApis, type MockApis } from '../../../mock-apis/mock-apis';
import type { SettingsPatch } from '../../../mock-apis/settings-table';
import { TestGateway } from '../support/test-gateway';

/** The real gateway in front of the real simulated sources. */

let upstreams: MockApis;
let gateway: TestGateway;

const calm = { delayMs: [0, 0], failRate: 0 } as const;
const profileOfUser1 = {
  id: 'user1',
  name: 'Alice Johnson',
  email: 'alice.johnson@example.com',
  joinedAt: '2023-01-15T10:30:00.000Z',
  status: 'active',
};

async function startWith(userApi: SettingsPatch['userApi'] = calm, environment: Record<string, string> = {}) {
  upstreams = createMockApis({ port: 0, userApi, eventApi: { getEventsDropRate: 0, getEventByIdDelayMs: [0, 0] } });
  const { url } = await upstreams.start();
  gateway = await new TestGateway({
    USER_API_URL: url,
    EVENT_API_URL: url,
    // Far away, so that a slow machine changes no answer.
    BATCH_DEADLINE_MS: '15000',
    ...environment,
  }).start();
}

afterEach(async () => {
  await gateway.dispose();
  await upstreams.stop();
});

async function batch(userIds: unknown, more: object = {}, headers: Record<string, string> = {}) {
  return gateway.post('/users/batch-info', { userIds, ...more }, headers);
}

const calls = (source: string): number => upstreams.counters().userApi[source]?.calls ?? 0;

/** The lines of a stream. supertest reads text of any type once told to. */
async function lines(userIds: readonly string[], more: object = {}) {
  const response = await supertest(gateway.url)
    .post('/users/batch-info')
    .set({ Authorization: `Bearer ${await gateway.token()}`, Accept: 'application/x-ndjson' })
    .buffer(true)
    .parse((answer, done) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => done(null, text));
    })
    .send({ userIds, ...more });
  const text = response.body as string;
  return {
    response,
    lines: text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

describe('POST /users/batch-info', () => {
  it('answers for each user with profile, summary and where each part came from', async () => {
    await startWith();
    const { status, headers, body } = await batch(['user1', 'user3'], { includeAnalytics: true });
    expect(status).toBe(200);
    expect(headers['x-batch-complete']).toBe('true');
    const fresh = { status: 'fresh', attempts: 1, ageMs: 0 };
    expect(body.results[0]).toEqual({
      userId: 'user1',
      profile: profileOfUser1,
      summary: {
        totalPosts: 2,
        avgEngagement: 4.2,
        lastActiveAt: '2024-06-20T14:22:00.000Z',
        status: 'active',
      },
      sources: { profile: fresh, posts: fresh, analytics: fresh },
    });
    expect(body.results[1]).toMatchObject({ userId: 'user3', summary: { totalPosts: 0, status: 'inactive' } });
    expect(body.metadata).toEqual({
      totalProcessed: 2,
      successful: 2,
      failed: 0,
      processingTimeMs: expect.any(Number),
    });
  });

  it('asks no analytics unless wanted: 0 engagement, active when the newest post was written, else on joining', async () => {
    await startWith();
    const { body } = await batch(['user1', 'user3']);
    expect(body.results[0].summary).toMatchObject({ avgEngagement: 0, lastActiveAt: '2024-05-02T16:45:00.000Z' });
    expect(body.results[1].summary.lastActiveAt).toBe(body.results[1].profile.joinedAt);
    expect(body.results[0].sources.analytics).toEqual({ status: 'skipped', attempts: 0, ageMs: null });
    expect(calls('analytics')).toBe(0);
  });

  it('keeps the order of the request, and of a repeated id the first place', async () => {
    await startWith();
    const { body } = await batch(['user5', 'user1', 'user5', 'user2', 'user1']);
    expect(body.results.map(({ userId }: { userId: string }) => userId)).toEqual(['user5', 'user1', 'user2']);
    expect(body.metadata).toMatchObject({ totalProcessed: 3, successful: 3, failed: 0 });
    expect(calls('profile')).toBe(3);
  });

  it('answers an empty batch with zeros', async () => {
    await startWith();
    const { status, body } = await batch([]);
    expect(status).toBe(200);
    expect(body.results).toEqual([]);
    expect(body.metadata).toMatchObject({ totalProcessed: 0, successful: 0, failed: 0 });
  });

  it('tells of an unknown user, believed at the second 404, without failing the others', async () => {
    await startWith();
    const { status, headers, body } = await batch(['nobody', 'user2'], { includeAnalytics: true });
    expect(status).toBe(200);
    expect(headers['x-batch-complete']).toBe('false');
    expect(body.results[0]).toMatchObject({ userId: 'nobody', profile: null, summary: null });
    expect(body.results[0].error).toContain('no user');
    expect(body.results[0].sources.profile).toEqual({ status: 'missing', attempts: 2, ageMs: 0 });
    expect(body.metadata).toMatchObject({ totalProcessed: 2, successful: 1, failed: 1 });
    expect((await batch(['nobody'])).status).toBe(200);
    const asked = calls('profile');
    await batch(['nobody']);
    expect(calls('profile')).toBe(asked);
  });

  it('does not believe the first 404 of a source that fails at random', async () => {
    await startWith({
      ...calm,
      profileFailRate: 0.2,
      failRate: null,
      postsFailRate: 0,
      analyticsFailRate: 0,
      failStatuses: [404],
      syntheticUsers: true,
    });
    let successful = 0;
    for (let round = 0; round < 6; round += 1) {
      const ids = Array.from({ length: 8 }, (_, index) => `u${round}${index}`);
      successful += Number((await batch(ids)).body.metadata.successful);
    }
    expect(upstreams.counters().userApi['profile']?.answered['404']).toBeGreaterThan(3);
    expect(successful).toBeGreaterThanOrEqual(46);
  });

  it('gives what it has when one source is down, and says which', async () => {
    await startWith({ delayMs: [0, 0], profileFailRate: 0, postsFailRate: 1, analyticsFailRate: 0 });
    const { status, headers, body } = await batch(['user1', 'user2'], { includeAnalytics: true });
    expect(status).toBe(200);
    expect(headers['x-batch-complete']).toBe('false');
    expect(body.metadata).toMatchObject({ successful: 2, failed: 0 });
    expect(body.results[0].sources.posts).toEqual({ status: 'failed', attempts: expect.any(Number), ageMs: null });
    expect(body.results[0].summary).toMatchObject({ totalPosts: 0, avgEngagement: 4.2 });
  });

  it('answers 502 when nothing is known, and soon asks no more', async () => {
    await startWith({ delayMs: [0, 0], failRate: 1 });
    const first = await batch(['user1', 'user2']);
    expect(first.status).toBe(502);
    expect(first.headers['content-type']).toContain('application/problem+json');
    expect(first.body).toMatchObject({ code: 'upstream_failed', status: 502 });
    for (let round = 0; round < 20; round += 1) await batch(['user3', 'user4', 'user5']);
    // Where 62 are normal.
    expect(calls('profile')).toBeLessThan(40);
    const circuits = (await gateway.get('/events/circuit-status')).body;
    expect(circuits['user-api.profile']).toMatchObject({ state: 'OPEN', retryAt: expect.any(Number) });
    expect(circuits['event-api.users'].state).toBe('CLOSED');
  });

  it('answers 504 when it was the deadline', async () => {
    await startWith({ ...calm, hangRate: 1 }, { BATCH_DEADLINE_MS: '60' });
    const { status, body } = await batch(['user1']);
    expect(status).toBe(504);
    expect(body.code).toBe('upstream_timeout');
  });

  it('gives what is there at the deadline, and says that the rest is missing', async () => {
    await startWith(
      { failRate: 0, profileDelayMs: [0, 0], postsDelayMs: [0, 0], analyticsDelayMs: [5000, 5000] },
      { BATCH_DEADLINE_MS: '200' },
    );
    const { status, headers, body } = await batch(['user1'], { includeAnalytics: true });
    expect(status).toBe(200);
    expect(headers['x-batch-complete']).toBe('false');
    expect(body.results[0].sources.analytics).toEqual({ status: 'missing', attempts: 1, ageMs: null });
    expect(body.results[0].summary).toMatchObject({ totalPosts: 2, avgEngagement: 0 });
    expect(body.metadata.processingTimeMs).toBeGreaterThanOrEqual(190);
  });

  it('serves from the cache within maxAge, and asks afresh for 0', async () => {
    await startWith();
    await batch(['user1']);
    const second = await batch(['user1'], { maxAge: 60 });
    expect(second.body.results[0].sources.profile).toMatchObject({ status: 'cached', attempts: 0 });
    expect(calls('profile')).toBe(1);
    const third = await batch(['user1'], { maxAge: 0 });
    expect(third.body.results[0].sources.profile).toMatchObject({ status: 'fresh', attempts: 1 });
    expect(calls('profile')).toBe(2);
  });

  it('shows what it knew, marked as stale, while the sources are down', async () => {
    await startWith();
    await batch(['user1']);
    upstreams.set({ userApi: { failRate: 1 } });
    const { status, headers, body } = await batch(['user1', 'user2'], { maxAge: 0 });
    expect(status).toBe(200);
    expect(headers['x-batch-complete']).toBe('false');
    expect(body.results[0]).toMatchObject({ profile: profileOfUser1, sources: { profile: { status: 'stale' } } });
    expect(body.results[1].error).toContain('could not be had');
    expect(body.metadata).toMatchObject({ successful: 1, failed: 1 });
  });

  it('makes one call per source for a hundred callers who want the same user at once', async () => {
    await startWith({ delayMs: [50, 50], failRate: 0 });
    await gateway.token();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => batch(['user4'], { includeAnalytics: true, maxAge: 0 })),
    );
    for (const { status, headers } of answers) expect([status, headers['x-batch-complete']]).toEqual([200, 'true']);
    // A caller that arrives after the first call has ended starts a second one, since it wants no kept answer.
    expect(calls('profile')).toBeLessThan(20);
    const before = calls('analytics');
    await Promise.all(Array.from({ length: 100 }, () => batch(['user5'], { includeAnalytics: true })));
    expect(calls('analytics')).toBe(before + 1);
  });

  it.each([
    ['no ids', undefined, {}, '/userIds'],
    ['no array', 'user1', {}, '/userIds'],
    ['a number for an id', ['user1', 7], {}, '/userIds/1'],
    ['an empty id', [''], {}, '/userIds/0'],
    ['a dot', ['.'], {}, '/userIds/0'],
    ['two dots', ['..'], {}, '/userIds/0'],
    ['a slash', ['a/b'], {}, '/userIds/0'],
    ['65 characters', ['x'.repeat(65)], {}, '/userIds/0'],
    ['a line break at the end', ['user1\n'], {}, '/userIds/0'],
    ['an unknown field', ['user1'], { includeEverything: true }, '/includeEverything'],
    ['text for a boolean', ['user1'], { includeAnalytics: 'true' }, '/includeAnalytics'],
    ['a negative age', ['user1'], { maxAge: -1 }, '/maxAge'],
    ['a fraction of an age', ['user1'], { maxAge: 0.5 }, '/maxAge'],
    ['text for an age', ['user1'], { maxAge: '5' }, '/maxAge'],
  ])('refuses %s', async (_what, userIds, more, pointer) => {
    await startWith();
    const { status, body } = await batch(userIds, more);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'validation_failed', errors: [{ pointer }] });
    expect(calls('profile')).toBe(0);
  });

  it.each([
    ['application/x-ndjson; charset=utf-8', 'application/x-ndjson'],
    ['application/x-ndjson, application/json', 'application/x-ndjson'],
    ['application/json;q=0.1, application/x-ndjson', 'application/x-ndjson'],
    ['application/json, application/x-ndjson', 'application/json'],
    ['*/*', 'application/json'],
    ['text/html', 'application/json'],
  ])('asked for %s answers with %s', async (accept, type) => {
    await startWith();
    const { headers } = await batch([], {}, { Accept: accept });
    expect(headers['content-type']).toBe(`${type}; charset=utf-8`);
  });

  it('takes every character that an id may have', async () => {
    await startWith({ ...calm, syntheticUsers: true });
    const id = `A-z_0.9${'x'.repeat(57)}`;
    const { status, body } = await batch([id, 'u1', '...', 'x'.repeat(64)]);
    expect(status).toBe(200);
    expect(body.metadata).toMatchObject({ totalProcessed: 4, failed: 3 });
  });

  it('takes 100 ids, and says for 101 what takes more', async () => {
    await startWith({ ...calm, syntheticUsers: true });
    const ids = Array.from({ length: 101 }, (_, index) => `u${index}`);
    expect((await batch(ids.slice(1))).body.metadata.totalProcessed).toBe(100);
    const { status, body } = await batch(ids);
    expect(status).toBe(413);
    expect(body).toMatchObject({ code: 'batch_too_large', detail: expect.stringContaining('x-ndjson') });
  });

  it('wants a token with users:read', async () => {
    await startWith();
    await supertest(gateway.url).post('/users/batch-info').send({ userIds: [] }).expect(401);
  });
});

describe('POST /users/batch-info, streamed', () => {
  it('writes a line per user, and the metadata last', async () => {
    await startWith({ ...calm, syntheticUsers: true });
    const ids = Array.from({ length: 20 }, (_, index) => `u${index}`);
    const { response, lines: answers } = await lines([...ids, 'u0', 'nobody'], { includeAnalytics: true });
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    const last = answers.pop();
    expect(last).toEqual({
      metadata: { totalProcessed: 21, successful: 20, failed: 1, processingTimeMs: expect.any(Number) },
    });
    expect(new Set(answers.map(({ userId }) => userId))).toEqual(new Set([...ids, 'nobody']));
    expect(answers).toHaveLength(21);
  });

  it('refuses more than 10 000 ids', async () => {
    await startWith();
    const many = Array.from({ length: 10_001 }, (_, index) => `u${index}`);
    const { status } = await batch(many, {}, { Accept: 'application/x-ndjson' });
    expect(status).toBe(413);
  });

  it('writes each user as soon as it is ready, says at the end whether all is there, and stops when the client goes', async () => {
    await startWith({ failRate: 0, delayMs: [0, 0], syntheticUsers: true });
    const token = await gateway.token();
    const body = JSON.stringify({ userIds: Array.from({ length: 10_000 }, (_, index) => `u${index}`) });
    const closed = new Promise<void>((resolve) => {
      const request = httpRequest(`${gateway.url}/users/batch-info`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': 'application/json',
          Accept: 'application/x-ndjson',
        },
      });
      request.on('response', (response) => {
        expect(response.headers.trailer).toBe('X-Batch-Complete');
        response.once('data', () => request.destroy());
        response.on('close', resolve).on('error', () => undefined);
      });
      request.on('error', () => undefined);
      request.end(body);
    });
    await closed;
    // The gateway goes on answering, and no more is asked than was under way.
    await gateway.get('/health');
    const asked = calls('profile');
    expect(asked).toBeLessThan(5_000);
    await gateway.get('/users/user1/summary');
    await gateway.get('/users/user2/summary');
    expect(calls('profile')).toBeLessThanOrEqual(asked + 2 + 50);
  });
});

describe('GET /users/{id}/summary', () => {
  it('answers for one user', async () => {
    await startWith();
    const { status, body } = await gateway.get('/users/user1/summary?includeAnalytics=true');
    expect(status).toBe(200);
    expect(body).toMatchObject({ userId: 'user1', profile: profileOfUser1, summary: { avgEngagement: 4.2 } });
    const without = await gateway.get('/users/user1/summary?includeAnalytics=false&maxAge=60');
    expect(without.body.sources).toMatchObject({ profile: { status: 'cached' }, analytics: { status: 'skipped' } });
  });

  it.each([
    ['/users/nobody/summary', 404, 'not_found'],
    ['/users/a%2Fb/summary', 400, 'validation_failed'],
    ['/users/%2e%2e/summary', 400, 'validation_failed'],
    ['/users/user1/summary?includeAnalytics=yes', 400, 'validation_failed'],
    ['/users/user1/summary?analytics=true', 400, 'validation_failed'],
  ])('answers %s with %i', async (path, status, code) => {
    await startWith();
    const answer = await gateway.get(path);
    expect(answer.body).toMatchObject({ status, code });
  });

  it('answers 502 when the profile could not be had', async () => {
    await startWith({ delayMs: [0, 0], profileFailRate: 1, postsFailRate: 0, analyticsFailRate: 0 });
    expect((await gateway.get('/users/user1/summary')).status).toBe(502);
  });

  it('says which setting is missing where there is no user API', async () => {
    await startWith(calm, { USER_API_URL: '' });
    for (const answer of [await gateway.get('/users/user1/summary'), await batch(['user1'])]) {
      expect(answer.body).toMatchObject({ status: 503, code: 'upstream_unavailable' });
      expect(answer.body.detail).toContain('USER_API_URL');
      expect(answer.headers['retry-after']).toBeDefined();
    }
  });
});

describe('GET /users, GET /users/{id}', () => {
  it('lists the directory and shows one of it, from the cache the second time', async () => {
    await startWith();
    const list = await gateway.get('/users');
    expect(list.status).toBe(200);
    expect(list.body.map(({ id }: { id: string }) => id)).toEqual(['1', '2', '3']);
    expect((await gateway.get('/users/2')).body).toEqual(list.body[1]);
    await gateway.get('/users');
    await gateway.get('/users/2');
    const { getUsers, getUserById } = upstreams.counters().eventApi;
    expect([getUsers?.calls, getUserById?.calls]).toEqual([1, 1]);
  });

  it('answers 404 for an unknown id, asked once: an empty answer is plain enough', async () => {
    await startWith();
    expect((await gateway.get('/users/99')).status).toBe(404);
    expect(upstreams.counters().eventApi['getUserById']?.calls).toBe(1);
    expect((await gateway.get('/users/a%2Fb')).status).toBe(400);
  });

  it('shows what it knew while the directory is down, and answers 503 where it knew nothing', async () => {
    await startWith();
    await gateway.get('/users/1');
    await upstreams.stop();
    expect((await gateway.get('/users/1')).status).toBe(200);
    const unknown = await gateway.get('/users/2');
    expect(unknown.body).toMatchObject({ status: 503, code: 'upstream_unavailable' });
    expect(unknown.headers['retry-after']).toBe('5');
    expect((await gateway.get('/users')).status).toBe(503);
  });

  it('says which setting is missing where there is no directory', async () => {
    await startWith(calm, { EVENT_API_URL: '' });
    const { status, body } = await gateway.get('/users');
    expect(status).toBe(503);
    expect(body.detail).toContain('EVENT_API_URL');
  });
});
