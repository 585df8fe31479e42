import { randomUUID } from 'node:crypto';

import supertest from 'supertest';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

/** The operator's levers over HTTP, with a real store and a real destination. */

const destination = new FakeDestination();
const DAY_MS = 86_400_000;

let gateway: TestGateway;
let operator = '';

beforeAll(async () => {
  await destination.start();
  gateway = await new TestGateway({
    ADEVENTSX_URL: destination.url,
    ADEVENTSX_API_KEY: 'key-1',
    RETRY_BASE_MS: '10',
  }).start();
  operator = await gateway.token('operator', 'operator-dev-secret');
});

afterAll(async () => {
  await gateway.dispose();
  await destination.stop();
});

const get = (path: string) => gateway.get(path, operator);

async function post(path: string, body?: object) {
  const request = supertest(gateway.url).post(path).set('Authorization', `Bearer ${operator}`);
  return body === undefined ? request : request.send(body);
}

/** Posts events that end dead (400), and returns their ids. */
async function makeDead(count: number, fields: Record<string, unknown> = {}): Promise<string[]> {
  destination.answering = () => ({ status: 400, body: '{"error":"invalid_payload"}' });
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const event_id of ids) {
    const answer = await gateway.post('/events', purchase({ event_id, ...fields }), { Prefer: 'wait=10' });
    expect(answer.body).toMatchObject({ status: 'dead' });
  }
  destination.answering = () => accepted;
  return ids;
}

async function outcome(id: string): Promise<string> {
  await destination.until(({ acceptedIds }) => acceptedIds.includes(id));
  for (;;) {
    const { status } = (await get(`/events/${id}`)).body as { status: string };
    if (status !== 'pending') return status;
  }
}

describe('dead letters', () => {
  test('are listed by any filter, page by page, with a Link to the next', async () => {
    const ids = await makeDead(3, { user_id: 'lister' });
    const first = await get('/deliveries?status=dead&limit=2&destination=adeventsx&event_name=purchase');
    expect(first.status).toBe(200);
    expect(first.body.data.map(({ event_id }: { event_id: string }) => event_id)).toEqual([ids[2], ids[1]]);
    expect(first.body.data[0]).toMatchObject({
      ...{ client_id: 'marketing-dashboard', destination: 'adeventsx', status: 'dead', attempts: 1 },
      ...{ dead_reason: 'rejected', last_http_status: 400, last_error: 'http_400', next_attempt_at: null },
      payload: { id: ids[2], name: 'purchase' },
    });
    const next = /<([^>]+)>; rel="next"/.exec(first.headers['link'] ?? '')?.[1] ?? '';
    expect(next).toContain(encodeURIComponent(first.body.next_cursor as string));
    const second = await get(next);
    expect(second.body.data[0].event_id).toBe(ids[0]);
    expect((await get(`/deliveries?event_id=${ids[1] ?? ''}`)).body).toMatchObject({
      data: [{ event_id: ids[1] }],
      next_cursor: null,
    });
    expect((await get('/deliveries?status=dead&dead_reason=payload_corrupt')).body.data).toEqual([]);
    const soon = new Date(Date.now() + DAY_MS).toISOString();
    expect((await get(`/deliveries?status=dead&from=${soon}`)).body.data).toEqual([]);
    expect((await get(`/deliveries?status=dead&to=${soon}&client_id=marketing-dashboard`)).body.data.length).toBe(3);
  });

  test('one is sent again by its event: same id, same bytes, the attempts go on', async () => {
    const [id = ''] = await makeDead(1);
    const answer = await post(`/events/${id}/replay`);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({ event_id: id, replayed: 1, deliveries: [{ destination: 'adeventsx' }] });
    expect(await outcome(id)).toBe('delivered');
    const sent = destination.calls.filter((call) => call.id === id).map(({ body }) => body);
    expect(sent).toHaveLength(2);
    expect(new Set(sent).size).toBe(1);
    const { data } = (await get(`/events/${id}/attempts`)).body;
    expect(data).toMatchObject([{ number: 1 }, { number: 2, possible_duplicate: 'operator_replay' }]);
  });

  test('a delivered one is sent again only with force, a pending one never', async () => {
    const [id = ''] = await makeDead(1);
    await post(`/events/${id}/replay`, {});
    expect(await outcome(id)).toBe('delivered');
    const refused = await post(`/events/${id}/replay`, { force: false });
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({
      code: 'invalid_state',
      detail: expect.stringContaining('adeventsx is delivered'),
    });
    const calls = destination.calls.length;
    expect((await post(`/events/${id}/replay`, { force: true })).status).toBe(202);
    await destination.until((now) => now.calls.length > calls);

    const later = new Date(Date.now() + DAY_MS).toISOString();
    const scheduled = await gateway.post('/events', purchase({ deliver_at: later }));
    const pending = await post(`/events/${String(scheduled.body.event_id)}/replay`, { force: true });
    expect(pending.body).toMatchObject({ status: 409, detail: expect.stringContaining('adeventsx is pending') });
  });

  test('one is put aside for good, and then neither replayed nor discarded again', async () => {
    const [id = ''] = await makeDead(1);
    const answer = await post(`/events/${id}/discard`, { reason: 'a test order' });
    expect(answer).toMatchObject({ status: 200, body: { discarded: 1, deliveries: [{ status: 'discarded' }] } });
    expect((await post(`/events/${id}/discard`, {})).status).toBe(409);
    expect((await post(`/events/${id}/replay`, { force: true })).status).toBe(409);
    expect((await get('/deliveries?status=discarded')).body.data).toMatchObject([{ event_id: id }]);
  });

  test('a pending one is put aside too: it is never sent, and its event is discarded', async () => {
    const later = new Date(Date.now() + DAY_MS).toISOString();
    const scheduled = await gateway.post('/events', purchase({ deliver_at: later, user_id: 'discarder' }));
    const id = String(scheduled.body.event_id);
    const answer = await post(`/events/${id}/discard`, { reason: 'it is poisoned' });
    expect(answer).toMatchObject({ status: 200, body: { discarded: 1, status: 'discarded' } });
    expect((await get(`/events/${id}`)).body).toMatchObject({
      status: 'discarded',
      deliveries: [{ status: 'discarded', dead_reason: 'discarded', next_attempt_at: null, attempts: 0 }],
    });
    expect((await get('/events?status=discarded&user_id=discarder')).body.data).toMatchObject([{ event_id: id }]);
    expect((await get('/deliveries?dead_reason=discarded')).body.data).toMatchObject([{ event_id: id }]);
    const repeat = await gateway.post('/events', purchase({ deliver_at: later, user_id: 'discarder', event_id: id }));
    expect(repeat).toMatchObject({ status: 202, body: { duplicate: true, status: 'discarded' } });
    expect((await post(`/events/${id}/discard`)).status).toBe(409);
  });

  test('one that an attempt holds is not discarded; the answer says what to do', async () => {
    let answerNow: () => void = () => undefined;
    destination.answering = (_call, _body, response) => {
      answerNow = () => response.writeHead(202, { 'content-type': 'application/json' }).end(accepted.body);
      return null;
    };
    const calls = destination.calls.length;
    const event = purchase({ event_id: randomUUID() });
    const { event_id: id } = (await gateway.post('/events', event)).body as { event_id: string };
    await destination.until((now) => now.calls.length > calls);
    const refused = await post(`/events/${id}/discard`);
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({ code: 'invalid_state' });
    expect(refused.body.detail).toContain('adeventsx is delivering');
    expect(refused.body.detail).toContain('POST /destinations/adeventsx/pause');
    destination.answering = () => accepted;
    answerNow();
    const repeat = await gateway.post('/events', event, { Prefer: 'wait=10' });
    expect(repeat.body).toMatchObject({ status: 'delivered', duplicate: true });
  });

  test('an event that is not there is 404', async () => {
    expect((await post(`/events/${randomUUID()}/replay`)).status).toBe(404);
    expect((await post(`/events/nonsense/discard`)).status).toBe(404);
  });
});

describe('many at once', () => {
  test('dry_run counts and moves nothing; then as many are replayed as were counted', async () => {
    const ids = await makeDead(5, { campaign_id: 'bulk' });
    const before = (await get('/deliveries?status=dead&limit=200')).body.data.length as number;
    const body = { destination: 'adeventsx', from: '0' };
    const dry = await post('/deliveries/replay', { ...body, dry_run: true });
    expect(dry).toMatchObject({ status: 200, body: { dry_run: true, matched: before, too_old: 0, replayed: 0 } });
    expect((await get('/deliveries?status=dead&limit=200')).body.data).toHaveLength(before);
    const real = await post('/deliveries/replay', { filter: body });
    expect(real.body).toEqual({
      ...{ dry_run: false, matched: before, too_old: 0, would_count_twice: 0, refused: 0, replayed: before },
    });
    for (const id of ids) expect(await outcome(id)).toBe('delivered');
    expect((await post('/deliveries/replay', {})).body).toMatchObject({ matched: 0, replayed: 0 });
  });

  test('pending ones are discarded only where the filter names them', async () => {
    const later = new Date(Date.now() + DAY_MS).toISOString();
    for (let count = 0; count < 2; count += 1) {
      await gateway.post('/events', purchase({ deliver_at: later, user_id: 'many' }));
    }
    expect((await post('/deliveries/discard', { user_id: 'many' })).body).toMatchObject({ matched: 0 });
    const asked = { user_id: 'many', status: 'pending' };
    expect((await post('/deliveries/discard', { ...asked, dry_run: true })).body).toMatchObject({ matched: 2 });
    expect((await post('/deliveries/discard', { filter: asked })).body).toMatchObject({ matched: 2, discarded: 2 });
    expect((await get('/deliveries?user_id=many')).body.data).toMatchObject([
      { status: 'discarded' },
      { status: 'discarded' },
    ]);
  });

  test('deliveries are found by the user, the HTTP status and the error', async () => {
    const [id] = await makeDead(1, { user_id: 'searched' });
    const found = async (query: string) => {
      const { data } = (await get(`/deliveries?${query}`)).body as { data: { event_id: string }[] };
      return data.map(({ event_id }) => event_id);
    };
    expect(await found('user_id=searched')).toEqual([id]);
    expect(await found('user_id=searched&http_status=400&error=http_400&status=dead')).toEqual([id]);
    expect(await found('user_id=searched&http_status=503')).toEqual([]);
    expect(await found('user_id=searched&error=ECONNRESET')).toEqual([]);
    expect(await found('http_status=400')).toContain(id);
    await post('/deliveries/discard', { user_id: 'searched', http_status: 400 });
    expect(await found('user_id=searched&status=discarded')).toEqual([id]);
  });

  test('what is delivered needs force', async () => {
    const refused = await post('/deliveries/replay', { status: 'delivered' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'invalid_state' } });
    const dry = await post('/deliveries/replay', { status: 'delivered', dry_run: true });
    expect(dry.body.matched).toBeGreaterThan(0);
  });

  test('many are discarded by a filter', async () => {
    const ids = await makeDead(3);
    const asked = { event_id: ids[0]?.toUpperCase(), reason: 'a mistake' };
    expect((await post('/deliveries/discard', { ...asked, dry_run: true })).body).toMatchObject({
      matched: 1,
      discarded: 0,
    });
    expect((await post('/deliveries/discard', asked)).body).toEqual({ dry_run: false, matched: 1, discarded: 1 });
    expect((await get(`/deliveries?event_id=${ids[0] ?? ''}`)).body.data).toMatchObject([{ status: 'discarded' }]);
    expect((await post('/deliveries/discard', {})).body).toMatchObject({ matched: 2, discarded: 2 });
  });

  test.each<[string, object, string]>([
    ['/deliveries/replay', { status: 'pending' }, '/status'],
    ['/deliveries/replay', { dry_run: 'yes' }, '/dry_run'],
    ['/deliveries/replay', { destinatoin: 'x' }, '/destinatoin'],
    ['/deliveries/replay', { filter: { destination: 'x' }, destination: 'y' }, '/destination'],
    ['/deliveries/replay', { filter: 'all' }, '/filter'],
    ['/deliveries/replay', { from: 'yesterday' }, '/from'],
    ['/deliveries/discard', { status: 'delivered' }, '/status'],
    ['/deliveries/discard', { status: 'delivering' }, '/status'],
    ['/deliveries/replay', { http_status: '400' }, '/http_status'],
    ['/deliveries/discard', { event_id: 'x' }, '/event_id'],
    ['/destinations/adeventsx/pause', { reason: '' }, '/reason'],
    ['/destinations/adeventsx/resume', { reason: 'x' }, '/reason'],
  ])('%s refuses %j, naming %s', async (path, body, pointer) => {
    const answer = await post(path, body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ pointer }] });
  });

  test.each([
    'status=gone',
    'http_status=abc',
    'http_status=700',
    'user_id=',
    'limit=0',
    'limit=201',
    'limit=1&limit=2',
    'cursor=abc',
    'to=x',
    'colour=red',
  ])('GET /deliveries?%s is refused', async (query) => {
    expect(await get(`/deliveries?${query}`)).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });
});

describe('destinations', () => {
  test('are shown with contract, circuit, hold, counts and possible duplicates', async () => {
    const { data } = (await get('/destinations')).body;
    expect(data).toMatchObject([
      {
        ...{ name: 'adeventsx', type: 'adeventsx', mode: 'live', hold: null, rate_per_second: null },
        contract: { max_batch: 1, dedup_keys: ['id'], dedup_window_ms: 7 * DAY_MS, max_age_ms: null },
        circuit: { state: 'CLOSED' },
        deliveries: { delivering: 0, delivered: expect.any(Number), discarded: expect.any(Number) },
        possible_duplicates: { operator_replay: expect.any(Number) },
      },
    ]);
  });

  test('a paused one gets nothing, over a restart too, until it is resumed; events are taken and kept', async () => {
    const paused = await post('/destinations/adeventsx/pause', { reason: 'they are migrating' });
    expect(paused.status).toBe(200);
    const hold = { kind: 'operator', reason: 'they are migrating', actor: 'operator' };
    expect(paused.body).toMatchObject({ name: 'adeventsx', hold, circuit: { state: 'OPEN', retryAt: null } });
    const calls = destination.calls.length;
    const { event_id: id } = (await gateway.post('/events', purchase())).body as { event_id: string };

    const before = (await get('/destinations')).body.data as [{ possible_duplicates: { operator_replay: number } }];
    await gateway.stop();
    await gateway.start();
    const { possible_duplicates: duplicates } = before[0];
    expect(duplicates.operator_replay).toBeGreaterThan(0);
    expect((await get('/destinations')).body.data).toMatchObject([{ hold, possible_duplicates: duplicates }]);
    const metrics = (await get('/metrics')).text.split('\n');
    const series = 'sluice_possible_duplicates_total{destination="adeventsx",reason="operator_replay"}';
    expect(metrics).toContain(`${series} ${String(duplicates.operator_replay)}`);
    expect((await get('/deliveries?status=pending')).body.data[0]).toMatchObject({ event_id: id, attempts: 0 });
    expect(destination.calls).toHaveLength(calls);

    expect((await post('/destinations/adeventsx/resume')).body).toMatchObject({ hold: null });
    expect(await outcome(id)).toBe('delivered');
    expect((await get(`/events/${id}/attempts`)).body.data).toHaveLength(1);
  });

  test('an unknown one is 404, and the answer names those there are', async () => {
    const answer = await post('/destinations/adventsx/pause');
    expect(answer).toMatchObject({ status: 404, body: { detail: expect.stringContaining('adeventsx') } });
  });
});

test('every act is recorded: who, when, what', async () => {
  const { data } = (await get('/operator/actions?limit=200')).body as {
    data: { at: string; actor: string; action: string; detail: string }[];
  };
  const seen = new Set(data.map(({ action }) => action));
  for (const action of ['pause', 'resume', 'replay', 'discard']) expect([...seen]).toContain(action);
  expect(new Set(data.map(({ actor }) => actor))).toEqual(new Set(['operator']));
  expect(data.find(({ action }) => action === 'pause')?.detail).toContain('they are migrating');
  expect(data.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < DAY_MS)).toBe(true);
});

test('whoever may not operate is refused: 401 without a token, 403 without the scope', async () => {
  for (const path of ['/deliveries', '/destinations', '/operator/actions']) {
    expect((await supertest(gateway.url).get(path)).status).toBe(401);
    expect((await gateway.get(path)).status).toBe(403);
  }
  for (const path of ['/deliveries/replay', '/deliveries/discard', '/destinations/adeventsx/pause']) {
    expect((await gateway.post(path, {})).status).toBe(403);
  }
});
