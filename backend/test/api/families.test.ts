import { randomUUID } from 'node:crypto';

import { createMockApis } from '../../../mock-apis/mock-apis';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { TestGateway } from '../support/test-gateway';

const upstreams = createMockApis({ port: 0, eventApi: { getEventsDropRate: 0 } });
let gateway: TestGateway;
let url: string;
/** How far the gateway's clock is ahead. */
let laterMs = 0;

beforeAll(async () => {
  url = (await upstreams.start()).url;
  const runtime = { ...systemRuntime, now: () => systemRuntime.now() + laterMs };
  gateway = await new TestGateway(
    { EVENT_API_URL: url, RETRY_BASE_MS: '20', CIRCUIT_COOLDOWN_MS: '10' },
    { runtime },
  ).start();
});

afterAll(async () => {
  await gateway.dispose();
  await upstreams.stop();
});

const isDeprecated = (headers: Record<string, unknown>) =>
  expect([headers['deprecation'], headers['link']]).toEqual([
    expect.stringMatching(/^@\d+$/),
    // Only what a link may hold (RFC 3986).
    expect.stringMatching(/^<\/[\w\-/%.]+>; rel="successor-version"$/),
  ]);

describe('event tracking', () => {
  const track = (fields: object) =>
    gateway.post('/v1/users/events', { user_id: '13', event_type: 'PURCHASE', timestamp: 14223343, ...fields });

  test('an event counts once for points, whatever its time; the same again is a conflict', async () => {
    const user_id = randomUUID();
    const first = await track({ user_id });
    expect([first.status, first.body]).toEqual([
      201,
      { message: expect.any(String) as string, id: expect.any(String) as string },
    ]);
    isDeprecated(first.headers);
    const again = await track({ user_id, event_type: 'purchase' });
    expect([again.status, (again.body as { code: string }).code]).toEqual([409, 'duplicate_event']);
    isDeprecated(again.headers);
    expect((await track({ user_id, event_type: 'login', timestamp: 0 })).status).toBe(201);
    for (const path of [`/v1/users/events/?user_id=${user_id}`, `/v1/users/events?user_id=${user_id}`]) {
      const { status, body, headers } = await gateway.get(path);
      expect([status, body]).toEqual([
        200,
        { message: expect.any(String) as string, data: [{ userId: user_id, points: 11 }] },
      ]);
      isDeprecated(headers);
    }
    expect((await gateway.get(`/v1/users/events?user_id=${user_id}&event_type=LEAD`)).body).toMatchObject({ data: [] });
    expect((await gateway.get('/v1/users/events?user_id=nobody')).body).toEqual({
      message: expect.any(String) as string,
      data: [],
    });
    const { body } = await gateway.get(`/v1/users/events?user_id=${user_id}&event_type=LOGIN`);
    expect((body as { data: unknown }).data).toEqual([{ userId: user_id, points: 1 }]);
  });

  test('is forwarded nowhere and can be read back, even with a time that no calendar holds', async () => {
    const { body } = await track({ user_id: randomUUID(), timestamp: Number.MAX_SAFE_INTEGER });
    const event = await gateway.get(`/events/${(body as { id: string }).id}`);
    expect([event.status, event.body]).toEqual([
      200,
      expect.objectContaining({
        status: 'stored',
        deliveries: [],
        event_time: null,
        event_time_epoch: Number.MAX_SAFE_INTEGER,
      }) as object,
    ]);
  });

  test.each([
    [{ event_type: 'dancing' }, '/event_type'],
    [{ timestamp: -1 }, '/timestamp'],
    [{ timestamp: 1.5 }, '/timestamp'],
    [{ timestamp: '5' }, '/timestamp'],
    [{ user_id: '' }, '/user_id'],
    [{ colour: 'red' }, '/colour'],
  ])('refuses %j', async (fields, pointer) => {
    const { status, body, headers } = await track(fields);
    expect(status).toBe(400);
    expect((body as { errors: { pointer: string }[] }).errors.map((error) => error.pointer)).toEqual([pointer]);
    isDeprecated(headers);
  });

  test('a request without a token and one by another method are told of the successor too', async () => {
    for (const [method, status] of [
      ['POST', 401],
      ['PUT', 405],
    ] as const) {
      const response = await fetch(`${gateway.url}/v1/users/events`, { method });
      expect(response.status).toBe(status);
      isDeprecated(Object.fromEntries(response.headers));
    }
  });
});

test('the link to the successor names the user who was asked about', async () => {
  const linkOf = async (path: string) => (await gateway.get(path)).headers['link'] as unknown;
  expect(await linkOf('/v1/users/events?user_id=a%20b')).toBe('</users/a%20b/points>; rel="successor-version"');
  expect(await linkOf('/v1/users/events')).toBe('</users/%7Bid%7D/points>; rel="successor-version"');
  expect(await linkOf('/getEventsByUserId/1')).toBe('</events/user/1>; rel="successor-version"');
  expect(await linkOf('/version')).toBe('</health>; rel="successor-version"');
});

describe('event management', () => {
  test('reads users and events as the older client knows them', async () => {
    const users = await gateway.get('/getUsers');
    expect(users.status).toBe(200);
    expect((users.body as { id: string }[]).map(({ id }) => id)).toEqual(['1', '2', '3']);
    isDeprecated(users.headers);
    const events = await gateway.get('/getEvents');
    expect((events.body as { id: string }[]).map(({ id }) => id)).toEqual(['event-1', 'event-2', 'event-3', 'event-4']);
  });

  test("a user's events in the user's own order", async () => {
    const users = (await gateway.get('/getUsers')).body as { id: string; events: string[] }[];
    const { status, body, headers } = await gateway.get('/getEventsByUserId/1');
    expect([status, (body as { id: string }[]).map(({ id }) => id)]).toEqual([200, users[0]?.events]);
    expect(headers['x-partial-failures']).toBeUndefined();
    expect((await gateway.get('/getEventsByUserId/99')).status).toBe(404);
  });

  test('15 calls of /addEvent into the failing cycle: 15 × 202, and each arrives exactly once in the end', async () => {
    const names = Array.from({ length: 15 }, (_, index) => `test event ${String(index)}`);
    const ids: string[] = [];
    for (const name of names) {
      const { status, body, headers } = await gateway.post('/addEvent', { name, userId: '1', colour: 'red' });
      expect(status).toBe(202);
      isDeprecated(headers);
      ids.push((body as { id: string }).id);
    }
    for (const id of ids) await waitForDelivery(id);
    const received = upstreams.addEvents().received as unknown as {
      id: string;
      name: string;
      userId: string;
      colour: string;
    }[];
    expect(received.map(({ id }) => id).sort()).toEqual([...ids].sort());
    // Five succeed, ten fail, by count: no fewer calls bring fifteen events through.
    expect(upstreams.addEvents()).toMatchObject({ calls: 35, accepted: 15, refused: 20 });
    expect(received.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(new Set(received.map(({ userId, colour }) => `${userId} ${colour}`))).toEqual(new Set(['1 red']));
  }, 60_000);

  test.each([
    ['an id of the client', { id: 'order-1' }, {}, 409],
    ['an Idempotency-Key', {}, { 'Idempotency-Key': 'key-1' }, 422],
  ])(
    '%s makes a repeat a duplicate, seconds later too, and another event a conflict',
    async (_, fields, headers, no) => {
      const event = { ...fields, name: 'test event', userId: '1' };
      const first = await gateway.post('/addEvent', event, headers);
      laterMs += 5_000;
      const again = await gateway.post('/addEvent', event, headers);
      expect(again.body).toMatchObject({ id: (first.body as { id: string }).id, duplicate: true });
      const other = await gateway.post('/addEvent', { ...event, userId: '2' }, headers);
      expect([other.status, (other.body as { errors: object[] }).errors]).toMatchObject([
        no,
        [{ pointer: '/user_id' }],
      ]);
    },
  );

  test.each([
    [{ name: 'x' }, '/userId'],
    [{ userId: '1' }, '/name'],
    [{ name: '', userId: '1' }, '/name'],
    [[], ''],
  ])('refuses %j', async (body, pointer) => {
    const response = await gateway.post('/addEvent', body);
    expect(response.status).toBe(400);
    expect((response.body as { errors: { pointer: string }[] }).errors.map((error) => error.pointer)).toEqual([
      pointer,
    ]);
  });
});

/** Asks until it is so; each question is a round trip. */
async function waitForDelivery(id: string): Promise<void> {
  let status = 'pending';
  while (status === 'pending') status = ((await gateway.get(`/events/${id}`)).body as { status: string }).status;
  expect(status).toBe('delivered');
}
