import { randomUUID } from 'node:crypto';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

const destination = new FakeDestination();
let gateway: TestGateway;

beforeAll(async () => {
  await destination.start();
  gateway = await new TestGateway({
    ADEVENTSX_URL: destination.url,
    ADEVENTSX_API_KEY: 'key-1',
    RETRY_BASE_MS: '10',
  }).start();
});

afterAll(async () => {
  await gateway.dispose();
  await destination.stop();
});

afterEach(() => {
  destination.answering = () => accepted;
});

describe('POST /events', () => {
  test('answers 202 and sends AdEventsX exactly its seven keys', async () => {
    const id = randomUUID();
    const now = Math.floor(Date.now() / 1000);
    const response = await gateway.post(
      '/events',
      purchase({ event_id: id, event_time_epoch: now, properties: { a: 1 } }),
    );
    expect(response.status).toBe(202);
    expect(response.headers['location']).toBe(`/events/${id}`);
    expect(response.body).toEqual({
      event_id: id,
      status: 'pending',
      duplicate: false,
      deliveries: [{ destination: 'adeventsx', status: 'pending' }],
    });
    await destination.until(({ acceptedIds }) => acceptedIds.includes(id));
    const call = destination.calls.find((received) => received.id === id);
    expect(JSON.parse(call?.body ?? '')).toEqual({
      id,
      user: 'user-1',
      name: 'purchase',
      ts: now,
      value_cents: 1999,
      campaign: 'spring',
      source: 'internal_martech',
    });
    expect(call?.headers['x-api-key']).toBe('key-1');
  });

  test('the X-Request-Id of the request goes on to the destination with every attempt', async () => {
    let failures = 1;
    destination.answering = () => (failures-- > 0 ? { status: 503 } : accepted);
    const [single, batched] = [randomUUID(), randomUUID()];
    await gateway.post('/events', purchase({ event_id: single }), { 'X-Request-Id': 'one event', Prefer: 'wait=20' });
    const events = [purchase({ event_id: batched })];
    await gateway.post('/events/batch', { events }, { 'X-Request-Id': 'a batch' });
    await destination.until(({ acceptedIds }) => acceptedIds.includes(batched));
    const idsSentWith = (eventId: string) =>
      destination.calls.filter(({ id }) => id === eventId).map(({ headers }) => headers['x-request-id']);
    expect(idsSentWith(single)).toEqual(['one event', 'one event']);
    expect(idsSentWith(batched)).toEqual(['a batch']);
  });

  test('the same event again is a duplicate, sent once', async () => {
    const event = purchase({ event_id: randomUUID(), value: 19.99 });
    const first = await gateway.post('/events', event, { Prefer: 'wait=10' });
    expect([first.status, first.headers['preference-applied']]).toEqual([200, 'wait=10']);
    const again = await gateway.post('/events', { ...event, value: '19.990' });
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([202, 'true']);
    expect(again.body).toMatchObject({ event_id: event['event_id'], status: 'delivered', duplicate: true });
    expect(destination.calls.filter(({ id }) => id === event['event_id'])).toHaveLength(1);
  });

  test('the same id with other content is a conflict that names the fields and not their values', async () => {
    const event = purchase({ event_id: randomUUID() });
    await gateway.post('/events', event);
    const response = await gateway.post('/events', { ...event, value: '20.00', campaign_id: 'autumn-secret' });
    expect([response.status, response.headers['content-type']]).toEqual([
      409,
      'application/problem+json; charset=utf-8',
    ]);
    expect(response.body).toMatchObject({
      code: 'event_id_conflict',
      type: '/problems/event_id_conflict',
      status: 409,
    });
    expect((response.body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer).sort()).toEqual([
      '/campaign_id',
      '/value',
    ]);
    expect(JSON.stringify(response.body)).not.toContain('autumn-secret');
  });

  test('an Idempotency-Key makes the id; used for another event it is refused', async () => {
    const key = { 'Idempotency-Key': `key-${randomUUID()}` };
    const event = purchase();
    const first = await gateway.post('/events', event, key);
    const again = await gateway.post('/events', event, key);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toMatchObject({ event_id: (first.body as { event_id: string }).event_id, duplicate: true });
    const other = await gateway.post('/events', { ...event, value: 1 }, key);
    expect([other.status, (other.body as { code: string }).code]).toEqual([422, 'idempotency_key_reused']);
  });

  test('50 connections posting one id at once: one event, one call, 50 successes', async () => {
    const event = purchase({ event_id: randomUUID() });
    const responses = await Promise.all(Array.from({ length: 50 }, () => gateway.post('/events', event)));
    expect(responses.map(({ status }) => status)).toEqual(Array<number>(50).fill(202));
    expect(responses.filter(({ body }) => !(body as { duplicate: boolean }).duplicate)).toHaveLength(1);
    await destination.until(({ acceptedIds }) => acceptedIds.includes(event['event_id'] as string));
    const settled = await gateway.post('/events', event, { Prefer: 'wait=10' });
    expect(settled.body).toMatchObject({ status: 'delivered' });
    expect(destination.calls.filter(({ id }) => id === event['event_id'])).toHaveLength(1);
  });

  test('takes the camelCase spelling, and refuses both spellings of one field', async () => {
    const { user_id: userId, event_name: eventName, campaign_id: campaignId, ...rest } = purchase();
    const camel = await gateway.post('/events', { ...rest, userId, eventName, campaignId });
    expect(camel.status).toBe(202);
    const both = await gateway.post('/events', purchase({ userId: 'user-1' }));
    expect(both.status).toBe(400);
    expect(both.body).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/userId' }] });
  });

  test('counts characters, not UTF-16 units: 128 emoji are 128', async () => {
    const userId = '😀'.repeat(128);
    const posted = await gateway.post('/events', purchase({ user_id: userId, campaign_id: userId }), {
      Prefer: 'wait=10',
    });
    expect(posted.status).toBe(200);
    const found = await gateway.get(`/events?user_id=${encodeURIComponent(userId)}`);
    expect((found.body as { data: { user_id: string }[] }).data.map((event) => event.user_id)).toEqual([userId]);
    expect((await gateway.get(`/users/${encodeURIComponent(userId)}/points`)).body).toMatchObject({ points: 10 });
    expect((await gateway.get(`/events?user_id=${encodeURIComponent(`${userId}😀`)}`)).status).toBe(400);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['a user of 129 characters outside the basic plane', { user_id: '😀'.repeat(129) }, '/user_id'],
    ['a value of 1e13', { value: 1e13 }, '/value'],
    ['a negative value', { value: -1 }, '/value'],
    ['no value where the catalogue wants one', { value: undefined }, '/value'],
    ['no campaign where the catalogue wants one', { campaign_id: undefined }, '/campaign_id'],
    ['30 February', { event_time_epoch: undefined, event_time: '2026-02-30T00:00:00Z' }, '/event_time'],
    ['a time without zone', { event_time_epoch: undefined, event_time: '2026-02-03T00:00:00' }, '/event_time'],
    ['two times', { event_time: new Date().toISOString() }, ''],
    ['no time', { event_time_epoch: undefined }, ''],
    ['a time of last year', { event_time_epoch: Math.floor(Date.now() / 1000) - 366 * 86_400 }, '/event_time_epoch'],
    ['an unknown event name', { event_name: 'nothing' }, '/event_name'],
    ['an unknown currency', { currency: 'EUX' }, '/currency'],
    ['an id that is no UUID', { event_id: 'abc' }, '/event_id'],
    ['an unknown field', { colour: 'red' }, '/colour'],
    ['an empty user', { user_id: '' }, '/user_id'],
    ['a user of 129 characters', { user_id: 'u'.repeat(129) }, '/user_id'],
    ['properties that are no object', { properties: [] }, '/properties'],
    ['properties over 16 KiB', { properties: { a: 'x'.repeat(17_000) } }, '/properties'],
  ])('refuses %s and points to it', async (_name, fields, pointer) => {
    const response = await gateway.post('/events', purchase(fields));
    expect([response.status, (response.body as { code: string }).code]).toEqual([400, 'validation_failed']);
    expect((response.body as { errors: { pointer: string }[] }).errors.map((error) => error.pointer)).toEqual([
      pointer,
    ]);
  });

  test.each<[string, string, string, number, string]>([
    [
      '1e400 as a value',
      'application/json',
      JSON.stringify(purchase({ value: 0 })).replace('"value":0', '"value":1e400'),
      400,
      'validation_failed',
    ],
    ['broken JSON', 'application/json', '{', 400, 'invalid_json'],
    ['an empty body', 'application/json', '', 400, 'invalid_json'],
    ['a duplicate key', 'application/json', '{"user_id":"a","user_id":"b"}', 400, 'invalid_json'],
    ['__proto__', 'application/json', '{"__proto__":{}}', 400, 'invalid_json'],
    ['nesting of 33', 'application/json', `{"properties":${'['.repeat(33)}${']'.repeat(33)}}`, 400, 'invalid_json'],
    ['another media type', 'text/plain', '{}', 415, 'unsupported_media_type'],
    ['a body over 100 KiB', 'application/json', JSON.stringify({ a: 'x'.repeat(103_000) }), 413, 'body_too_large'],
  ])('refuses %s', async (_name, type, body, status, code) => {
    const response = await fetch(`${gateway.url}/events`, {
      method: 'POST',
      headers: { 'content-type': type, authorization: `Bearer ${await gateway.token()}` },
      body,
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test('refuses a body that is not UTF-8', async () => {
    const response = await fetch(`${gateway.url}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await gateway.token()}` },
      body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'invalid_encoding']);
  });

  test.each([
    [19.99, 1999],
    [1.005, 101],
    [0.285, 29],
    ['19.990', 1999],
    [0, 0],
    [1e9, 100_000_000_000],
  ])('%p is %p cents in what is stored and sent', async (value, cents) => {
    const posted = await gateway.post('/events', purchase({ value }), { Prefer: 'wait=10' });
    const { event_id: id } = posted.body as { event_id: string };
    const { body } = await gateway.get(`/events/${id}`);
    expect(body).toMatchObject({
      value_cents: cents,
      status: 'delivered',
      deliveries: [{ payload: { value_cents: cents } }],
    });
  });

  test.each([1, 1_000, 1_000_000, 1_000_000_000])(
    'takes an epoch in the unit of a %p-th of a second',
    async (perSecond) => {
      const now = Math.floor(Date.now() / 1000);
      const text = `${String(now)}${String(perSecond).slice(1)}`;
      const body = JSON.stringify(purchase({ event_time_epoch: 0 })).replace(
        '"event_time_epoch":0',
        `"event_time_epoch":${text}`,
      );
      const response = await fetch(`${gateway.url}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await gateway.token()}` },
        body,
      });
      expect(response.status).toBe(202);
      const { event_id: id } = (await response.json()) as { event_id: string };
      expect((await gateway.get(`/events/${id}`)).body).toMatchObject({ event_time_epoch: now });
    },
  );
});

describe('POST /events/batch', () => {
  test('one bad event never sinks the rest', async () => {
    const id = randomUUID();
    const response = await gateway.post('/events/batch', {
      events: [purchase({ event_id: id }), purchase({ value: 'ten' }), purchase({ event_id: id }), 'nonsense'],
    });
    expect(response.status).toBe(207);
    expect(response.body).toMatchObject({ accepted: 1, duplicates: 1, rejected: 2 });
    const { results } = response.body as { results: Record<string, unknown>[] };
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(results[0]).toEqual({ index: 0, event_id: id, status: 'pending', duplicate: false });
    expect(results[1]).toMatchObject({
      index: 1,
      error: { code: 'validation_failed', status: 400, errors: [{ pointer: '/value' }] },
    });
    expect(results[2]).toMatchObject({ event_id: id, duplicate: true });
    expect(results[3]).toMatchObject({ error: { code: 'validation_failed' } });
  });

  test('takes 1000 and delivers each once; refuses 1001, none, and what is no batch', async () => {
    const events = Array.from({ length: 1000 }, () => purchase({ event_id: randomUUID() }));
    const ids = new Set(events.map(({ event_id }) => event_id as string));
    expect((await gateway.post('/events/batch', { events })).body).toMatchObject({ accepted: 1000, rejected: 0 });
    const arrived = () => destination.acceptedIds.filter((id) => ids.has(id));
    await destination.until(() => new Set(arrived()).size === 1000);
    expect(arrived()).toHaveLength(1000);
    expect((await gateway.post('/events/batch', { events: [...events, purchase()] })).status).toBe(413);
    expect((await gateway.post('/events/batch', { events: [] })).status).toBe(400);
    expect((await gateway.post('/events/batch', { event: [] })).status).toBe(400);
  });
});

test('an Idempotency-Key makes the ids of a batch, so that it may be sent again', async () => {
  const key = { 'Idempotency-Key': randomUUID() };
  const named = purchase({ event_id: randomUUID() });
  const events = [purchase(), purchase(), named];
  interface Result {
    readonly event_id?: string;
    readonly error?: { readonly code: string };
  }
  const resultsOf = async (batch: object[], headers = key) =>
    ((await gateway.post('/events/batch', { events: batch }, headers)).body as { results: Result[] }).results;
  const ids = (await resultsOf(events)).map(({ event_id }) => event_id);
  expect(new Set(ids).size).toBe(3);
  expect(ids[2]).toBe(named['event_id']);
  expect((await gateway.post('/events/batch', { events }, key)).body).toMatchObject({ accepted: 0, duplicates: 3 });
  expect((await resultsOf([purchase({ value: 1 })]))[0]?.error?.code).toBe('idempotency_key_reused');
  const otherId = (await resultsOf([purchase()], { 'Idempotency-Key': randomUUID() }))[0]?.event_id;
  expect(ids).not.toContain(otherId);
  const unreadable = await gateway.post('/events/batch', { events }, { 'Idempotency-Key': 'a b' });
  expect(unreadable.status).toBe(400);
  // None of them is to meet what a later test has the destination answer.
  await destination.until(({ acceptedIds }) => [...ids, otherId].every((id) => acceptedIds.includes(id ?? '')));
});

describe('reading back', () => {
  test('an event with its deliveries and its attempts', async () => {
    const id = randomUUID();
    let failures = 2;
    // Only of this one: events of the tests before may still be on their way.
    const fails = (body: string) => body.includes(id) && failures-- > 0;
    destination.answering = (_call, body) =>
      fails(body) ? { status: 503, body: '{"error":"upstream_error"}' } : accepted;
    await gateway.post('/events', purchase({ event_id: id }), { Prefer: 'wait=20' });
    const event = await gateway.get(`/events/${id}`);
    expect(event.body).toMatchObject({
      event_id: id,
      client_id: 'marketing-dashboard',
      status: 'delivered',
      deliveries: [
        { destination: 'adeventsx', status: 'delivered', attempts: 3, next_attempt_at: null, payload: { id } },
      ],
    });
    const { body } = await gateway.get(`/events/${id}/attempts`);
    expect(body).toMatchObject({
      data: [
        { number: 1, outcome: 'retryable', http_status: 503, error: 'http_503', excerpt: '{"error":"upstream_error"}' },
        { number: 2, outcome: 'retryable', http_status: 503 },
        { number: 3, outcome: 'delivered', http_status: 202, error: null },
      ],
    });
    const bodies = destination.calls.filter((call) => call.id === id).map((call) => call.body);
    expect(new Set(bodies).size).toBe(1);
  });

  test("another client's event is not found, unless the caller may read all", async () => {
    const posted = await gateway.post('/events', purchase());
    const path = `/events/${(posted.body as { event_id: string }).event_id}`;
    expect((await gateway.get(path, await gateway.token('mobile-app'))).status).toBe(404);
    expect((await gateway.get(path, await gateway.token('operator', 'operator-dev-secret'))).status).toBe(200);
    expect((await gateway.get(`/events/${randomUUID()}/attempts`)).status).toBe(404);
  });

  test('a permanent refusal is dead at once, with its answer', async () => {
    destination.answering = () => ({ status: 400, body: '{"error":"invalid_payload"}' });
    const posted = await gateway.post('/events', purchase(), { Prefer: 'wait=10' });
    expect([posted.status, (posted.body as { status: string }).status]).toEqual([200, 'dead']);
    const { event_id: id } = posted.body as { event_id: string };
    expect((await gateway.get(`/events/${id}`)).body).toMatchObject({
      status: 'dead',
      deliveries: [
        { status: 'dead', dead_reason: 'rejected', attempts: 1, last_http_status: 400, last_error: 'http_400' },
      ],
    });
  });

  test('circuit-status names every destination', async () => {
    expect((await gateway.get('/events/circuit-status')).body).toMatchObject({ adeventsx: { state: 'CLOSED' } });
  });
});
