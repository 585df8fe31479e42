import { randomUUID } from 'node:crypto';

import supertest from 'supertest';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

interface Page {
  readonly data: {
    readonly event_id: string;
    readonly user_id: string;
    readonly event_name: string;
    readonly status: string;
  }[];
  readonly next_cursor: string | null;
}

const destination = new FakeDestination();
const now = Math.floor(Date.now() / 1000);
let gateway: TestGateway;
/** In the order of posting. */
const ids: string[] = [];

async function post(fields: Record<string, unknown>): Promise<void> {
  const event_id = randomUUID();
  const response = await gateway.post('/events', purchase({ event_id, ...fields }), { Prefer: 'wait=10' });
  expect(response.status).toBe(200);
  ids.push(event_id);
}

beforeAll(async () => {
  await destination.start();
  destination.answering = (_call, body) => (body.includes('"user":"refused"') ? { status: 400 } : accepted);
  gateway = await new TestGateway({ ADEVENTSX_URL: destination.url, ADEVENTSX_API_KEY: 'key-1' }).start();
  for (let index = 0; index < 7; index += 1) {
    await post({
      user_id: `user-${String(index % 2)}`,
      event_time_epoch: now - index * 60,
      event_name: index < 3 ? 'lead' : 'purchase',
    });
  }
  await post({ user_id: 'refused' });
});

afterAll(async () => {
  await gateway.dispose();
  await destination.stop();
});

const list = async (path: string, token?: string) => (await gateway.get(path, token)).body as Page;
const idsOf = ({ data }: Page) => data.map(({ event_id }) => event_id);
const posted = (...indexes: number[]) => indexes.map((index) => ids[index]);

test('lists the newest first', async () => {
  const page = await list('/events');
  expect(idsOf(page)).toEqual([...ids].reverse());
  expect(page.next_cursor).toBeNull();
});

test.each<[string, number[]]>([
  ['user_id=user-0', [6, 4, 2, 0]],
  ['event_name=lead', [2, 1, 0]],
  ['status=dead', [7]],
  ['status=delivered&event_name=lead&user_id=user-1', [1]],
  ['destination=adeventsx&user_id=user-1', [5, 3, 1]],
  ['destination=other', []],
  [`from=${String(now - 120)}&to=${String(now - 60)}`, [2, 1]],
  [`from=${new Date((now - 60) * 1000).toISOString()}&user_id=user-1`, [1]],
])('finds by %s', async (query, expected) => {
  expect(idsOf(await list(`/events?${query}`))).toEqual(posted(...expected));
});

test('/events/user/{id} is the list of one user', async () => {
  expect(idsOf(await list('/events/user/user-1'))).toEqual(posted(5, 3, 1));
});

test('pages by cursor and Link header, undisturbed by what comes in between', async () => {
  const seen: string[] = [];
  let path: string | undefined = '/events?limit=3';
  while (path !== undefined) {
    const response = await gateway.get(path);
    const page = response.body as Page;
    seen.push(...idsOf(page));
    path = /^<([^>]+)>; rel="next"$/.exec(response.headers['link'] ?? '')?.[1];
    expect(path === undefined).toBe(page.next_cursor === null);
    if (seen.length === 3) await gateway.post('/events', purchase({ user_id: 'later' }));
  }
  expect(seen).toEqual([...ids].reverse());
});

test("a client sees its own events only, an operator everyone's", async () => {
  expect((await list('/events', await gateway.token('mobile-app'))).data).toEqual([]);
  const all = await list('/events', await gateway.token('operator', 'operator-dev-secret'));
  expect(idsOf(all)).toEqual(expect.arrayContaining(ids));
});

test.each([
  ['limit=0', '/limit'],
  ['limit=201', '/limit'],
  ['limit=ten', '/limit'],
  ['status=open', '/status'],
  ['from=yesterday', '/from'],
  ['cursor=nonsense', '/cursor'],
  ['colour=red', '/colour'],
  ['user_id=a&user_id=b', '/user_id'],
])('refuses %s', async (query, pointer) => {
  const response = await gateway.get(`/events?${query}`);
  expect([response.status, (response.body as { code: string }).code]).toEqual([400, 'validation_failed']);
  expect((response.body as { errors: { pointer: string }[] }).errors.map((error) => error.pointer)).toEqual([pointer]);
});

test('the list of one user takes no other user beside the one in the path', async () => {
  const { status, body } = await gateway.get('/events/user/user-0?user_id=user-1');
  expect([status, body]).toMatchObject([400, { errors: [{ pointer: '/user_id' }] }]);
});

test('points: 2 logins, a purchase and a referral are 32; an unknown user has none', async () => {
  const user_id = `points-${randomUUID()}`;
  for (const event_name of ['login', 'login', 'purchase', 'referral']) {
    await supertest(gateway.url)
      .post('/events')
      .set('Authorization', `Bearer ${await gateway.token()}`)
      .send(purchase({ user_id, event_name, event_id: randomUUID() }))
      .expect(202);
  }
  expect((await gateway.get(`/users/${user_id}/points`)).body).toEqual({
    userId: user_id,
    points: 32,
    events: [
      { name: 'login', count: 2, points: 2 },
      { name: 'purchase', count: 1, points: 10 },
      { name: 'referral', count: 1, points: 20 },
    ],
  });
  expect((await gateway.get('/users/nobody/points')).body).toEqual({ userId: 'nobody', points: 0, events: [] });
});
