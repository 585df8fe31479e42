import { createMockApis, type MockApis } from '../mock-apis';
import type { SettingsPatch } from '../settings-table';

let apis: MockApis;
let url: string;

async function startWith(settings: SettingsPatch['userApi'] = {}, seed = 1): Promise<void> {
  apis = createMockApis({ port: 0, seed, userApi: settings });
  ({ url } = await apis.start());
}

afterEach(() => apis.stop());

const sound = { delayMs: [0, 0], failRate: 0 } as const;
const sources = ['profile', 'posts', 'analytics'] as const;

async function get(id: string, source: string) {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/api/users/${id}/${source}`);
  return { status: answer.status, body: JSON.parse(await answer.text()), afterMs: performance.now() - startedAt };
}

async function statuses(source: string, count: number, id = 'user1'): Promise<number[]> {
  const seen: number[] = [];
  for (let call = 0; call < count; call += 1) seen.push((await get(id, source)).status);
  return seen;
}

describe('the five users', () => {
  it.each([
    ['user1', 'Alice Johnson', 'active', 4.2, 2],
    ['user2', 'Bob Smith', 'active', 3.8, 1],
    ['user3', 'Charlie Brown', 'inactive', 1.2, 0],
    ['user4', 'Diana Prince', 'active', 5.1, 2],
    ['user5', 'Eve Wilson', 'suspended', 2.9, 1],
  ])('%s is %s', async (id, name, status, avgEngagement, postCount) => {
    await startWith(sound);
    const [profile, posts, analytics] = [await get(id, 'profile'), await get(id, 'posts'), await get(id, 'analytics')];
    for (const { status: httpStatus, body } of [profile, posts, analytics]) {
      expect(httpStatus).toBe(200);
      expect(body).toEqual({ data: expect.anything(), status: 200 });
    }
    const date = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(profile.body.data).toEqual({ id, name, status, email: expect.stringContaining('@'), joinedAt: date });
    expect(posts.body.data).toEqual({ userId: id, totalPosts: postCount, recentPosts: expect.any(Array) });
    expect(posts.body.data.recentPosts).toHaveLength(postCount);
    for (const post of posts.body.data.recentPosts) {
      expect(post).toEqual({
        id: expect.any(String),
        userId: id,
        title: expect.any(String),
        content: expect.any(String),
        createdAt: date,
      });
    }
    expect(analytics.body.data).toMatchObject({ userId: id, avgEngagement, lastActiveAt: date });
  });

  it.each(['user6', 'user', 'USER1', 'constructor', 'u-7'])('%s is unknown', async (id) => {
    await startWith(sound);
    const error = { error: 'not_found', message: expect.any(String), status: 404 };
    expect(await get(id, 'profile')).toMatchObject({ status: 404, body: error });
    expect(await get(id, 'analytics')).toMatchObject({ status: 404, body: error });
    const none = { userId: id, totalPosts: 0, recentPosts: [] };
    expect(await get(id, 'posts')).toMatchObject({ status: 200, body: { data: none, status: 200 } });
  });
});

describe('synthetic users', () => {
  it('exist under their names only, and the five stay as they are', async () => {
    await startWith({ ...sound, syntheticUsers: true });
    for (const id of ['user6', 'user-6', 'u6', 'u-0123456789']) {
      expect(await get(id, 'profile')).toMatchObject({ status: 200, body: { data: { id } } });
    }
    for (const id of ['user', 'user--1', 'users1', 'u1x', '7', `u${'1'.repeat(40)}`]) {
      expect([id, (await get(id, 'profile')).status]).toEqual([id, 404]);
    }
    expect((await get('user1', 'profile')).body.data.name).toBe('Alice Johnson');
  });

  it('are each themselves, in every process and on every call', async () => {
    await startWith({ ...sound, syntheticUsers: true }, 1);
    const ids = Array.from({ length: 40 }, (_, index) => `user${100 + index}`);
    const readAll = (source: string) => Promise.all(ids.map(async (id) => (await get(id, source)).body.data));
    const read = () => Promise.all(sources.map(readAll));
    const first = await read();
    await apis.stop();
    await startWith({ ...sound, syntheticUsers: true }, 2);
    expect(await read()).toEqual(first);
    const [profiles = [], posts = [], analytics = []] = first;
    expect(new Set(profiles.map(({ email }) => email)).size).toBe(40);
    expect(new Set(posts.map(({ totalPosts }) => totalPosts))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    for (const { avgEngagement } of analytics) {
      expect(avgEngagement).toBeGreaterThanOrEqual(0);
      expect(avgEngagement).toBeLessThan(6);
    }
  });
});

describe('how it fails', () => {
  it.each([
    ['profile', 500],
    ['posts', 503],
    ['analytics', 502],
  ])('%s: 10 %% of the calls with %d, the same ones for the same seed', async (source, failStatus) => {
    await startWith({ delayMs: [0, 0] }, 11);
    const first = await statuses(source, 400);
    expect(new Set(first)).toEqual(new Set([200, failStatus]));
    expect(first.filter((status) => status === failStatus).length / 400).toBeCloseTo(0.1, 1);
    apis.reset();
    await statuses(source === 'posts' ? 'profile' : 'posts', 7);
    expect(await statuses(source, 100)).toEqual(first.slice(0, 100));
  });

  it('says so in JSON, also for an unknown user', async () => {
    await startWith({ delayMs: [0, 0], failRate: 1 });
    const body = { error: 'service_unavailable', message: expect.any(String), status: 503 };
    expect(await get('nobody', 'posts')).toMatchObject({ status: 503, body });
    expect(await get('user1', 'analytics')).toMatchObject({ status: 502, body: { error: 'bad_gateway', status: 502 } });
  });

  it('with any of the statuses it is set to', async () => {
    await startWith({ delayMs: [0, 0], failRate: 1, failStatuses: [404, 500, 502, 503] });
    for (const source of sources) {
      expect(new Set(await statuses(source, 60))).toEqual(new Set([404, 500, 502, 503]));
    }
  });

  it('each source at its own rate and with its own statuses', async () => {
    await startWith({ delayMs: [0, 0], profileFailRate: 0, postsFailRate: 1, postsFailStatuses: [504] });
    expect(await statuses('profile', 30)).toEqual(new Array(30).fill(200));
    expect(await statuses('posts', 5)).toEqual(new Array(5).fill(504));
  });

  it('by dropped connections and by silence', async () => {
    await startWith({ ...sound, dropRate: 1 });
    await expect(get('user1', 'profile')).rejects.toThrow('fetch failed');
    apis.set({ userApi: { dropRate: 0, hangRate: 1 } });
    const control = new AbortController();
    const hanging = fetch(`${url}/api/users/user1/posts`, { signal: control.signal });
    while (apis.counters().userApi['posts']?.inFlight !== 1) await new Promise(setImmediate);
    control.abort();
    await expect(hanging).rejects.toThrow('abort');
    while (apis.counters().userApi['posts']?.unanswered !== 1) await new Promise(setImmediate);
    expect(apis.counters().userApi).toMatchObject({ profile: { calls: 1, answered: {}, unanswered: 1 } });
  });
});

describe('how long it takes', () => {
  it.each([
    ['profile', 100, 300],
    ['posts', 150, 450],
    ['analytics', 200, 600],
  ])('%s: %d to %d ms', async (source, min, max) => {
    await startWith({ failRate: 0 });
    const times = await Promise.all(Array.from({ length: 24 }, async () => (await get('user1', source)).afterMs));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(min - 1);
    expect(Math.max(...times)).toBeGreaterThan((min + max) / 2);
    // A busy machine adds to what is measured, so the upper end is read from the setting.
    expect(apis.settings().userApi).toMatchObject({ [`${source}DelayMs`]: [min, max] });
  });

  it('longer at the slow rate', async () => {
    await startWith({ ...sound, slowRate: 0.5, slowDelayMs: [80, 80] });
    const times = await Promise.all(Array.from({ length: 20 }, async () => (await get('user1', 'posts')).afterMs));
    const slow = times.filter((afterMs) => afterMs >= 79);
    expect(slow.length).toBeGreaterThan(2);
    apis.set({ userApi: { slowRate: 1 } });
    expect((await get('user1', 'profile')).afterMs).toBeGreaterThanOrEqual(79);
  });
});

it('GET /health is well', async () => {
  await startWith({ hangRate: 1 });
  const answer = await fetch(`${url}/health`);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ status: 'ok', uptime: expect.any(Number) });
});
