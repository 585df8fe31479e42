import { createHash, randomUUID } from 'node:crypto';
import { createMockApis, type MockApis } from '../mock-apis';
import type { SettingsPatch } from '../settings-table';
import type { ConversionCall } from './conversion-log';

const conversion = {
  id: '018f6f4e-5b7a-7c3d-9e21-0a1b2c3d4e5f',
  user: 'user-123',
  name: 'purchase',
  ts: 1_760_000_000,
  value_cents: 4999,
  campaign: 'campaign-7',
  source: 'internal_martech',
};

let apis: MockApis;
let url: string;

async function startWith(settings: SettingsPatch['adeventsx'] = {}, seed = 1): Promise<void> {
  apis = createMockApis({ port: 0, seed, adeventsx: settings });
  ({ url } = await apis.start());
}

afterEach(() => apis.stop());

function post(body: unknown = conversion, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/conversions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Api-Key': 'dev-adeventsx-key', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
}

const json = async (answer: Response) => JSON.parse(await answer.text());

async function get(path: string) {
  const answer = await fetch(url + path);
  expect(answer.status).toBe(200);
  return json(answer);
}

async function statuses(count: number): Promise<number[]> {
  const seen: number[] = [];
  for (let call = 0; call < count; call += 1) {
    const answer = await post({ ...conversion, id: randomUUID() });
    await answer.text();
    seen.push(answer.status);
  }
  return seen;
}

describe('POST /v1/conversions', () => {
  it('marks what says that it is a test', async () => {
    await startWith();
    for (const headers of [{}, { 'X-Test-Mode': 'true' }]) expect((await post(conversion, headers)).status).toBe(202);
    const { conversions } = await get('/v1/conversions');
    expect(conversions.map(({ test }: { test?: boolean }) => test)).toEqual([undefined, true]);
  });

  it('takes a conversion and remembers it', async () => {
    await startWith();
    const answer = await post();
    expect(answer.status).toBe(202);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    const body = await json(answer);
    expect(body).toEqual({ status: 'accepted', received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) });
    expect(await get('/v1/conversions')).toEqual({
      count: 1,
      distinct: 1,
      distinctIsExact: true,
      next: 1,
      conversions: [{ ...conversion, received_at: body.received_at }],
    });
  });

  it('takes no value, a null campaign and any integer time', async () => {
    await startWith();
    expect((await post({ ...conversion, value_cents: 0, campaign: null, ts: -5 })).status).toBe(202);
  });

  const without = (key: keyof typeof conversion): object =>
    Object.fromEntries(Object.entries(conversion).filter(([name]) => name !== key));
  const keys = Object.keys(conversion) as (keyof typeof conversion)[];

  const faulty: [what: string, body: unknown, fault: string][] = [
    ...keys.map((key): [string, unknown, string] => [`no ${key}`, without(key), `${key} is missing`]),
    ['an extra key', { ...conversion, currency: 'EUR' }, 'currency is not a key'],
    ['an id that is no UUID', { ...conversion, id: '123' }, 'id must be'],
    ['an id in braces', { ...conversion, id: `{${conversion.id}}` }, 'id must be'],
    ['a user that is a number', { ...conversion, user: 5 }, 'user must be'],
    ['a name that is null', { ...conversion, name: null }, 'name must be'],
    ['a time with a fraction', { ...conversion, ts: 1.5 }, 'ts must be'],
    ['a time as text', { ...conversion, ts: '1760000000' }, 'ts must be'],
    ['a negative value', { ...conversion, value_cents: -1 }, 'value_cents must be'],
    ['a value with a fraction', { ...conversion, value_cents: 49.99 }, 'value_cents must be'],
    ['a campaign that is a number', { ...conversion, campaign: 7 }, 'campaign must be'],
    ['another source', { ...conversion, source: 'other' }, 'source must be'],
    ['an array', [conversion], 'JSON object'],
    ['null', 'null', 'JSON object'],
    ['no JSON', '{"id":', 'JSON object'],
    ['nothing', '', 'JSON object'],
    ['invalid UTF-8', Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff]), Buffer.from('"}')]), 'UTF-8'],
    ['an inherited key', '{"__proto__":{}}', 'id is missing'],
  ];

  it.each(faulty)('refuses %s', async (_what, body, fault) => {
    await startWith();
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(await json(answer)).toEqual({ error: 'invalid_payload' });
    const { calls } = await get('/v1/calls');
    expect(calls).toEqual([expect.objectContaining({ status: 400, fault: expect.stringContaining(fault) })]);
    expect(await get('/v1/conversions')).toMatchObject({ count: 0, conversions: [] });
  });

  it.each([
    ['dev-adeventsx-key', undefined, 401],
    ['dev-adeventsx-key', 'wrong', 401],
    ['dev-adeventsx-key', 'dev-adeventsx-key', 202],
    ['other', 'dev-adeventsx-key', 401],
    ['*', 'anything', 202],
    ['*', '', 401],
    ['*', undefined, 401],
  ])('with the key %s set, answers the key %s with %d', async (apiKey, given, status) => {
    await startWith({ apiKey });
    const answer = await fetch(`${url}/v1/conversions`, {
      method: 'POST',
      headers: given === undefined ? {} : { 'X-Api-Key': given },
      body: JSON.stringify(conversion),
    });
    expect(answer.status).toBe(status);
    const body = await json(answer);
    expect(status === 401 ? body : body.status).toEqual(status === 401 ? { error: 'unauthorized' } : 'accepted');
    expect((await get('/v1/conversions')).count).toBe(status === 202 ? 1 : 0);
  });

  it('refuses a body over 64 KiB, and the connection is told to close', async () => {
    await startWith();
    const answer = await post('x'.repeat(64 * 1024 + 1));
    expect([answer.status, answer.headers.get('connection')]).toEqual([413, 'close']);
    expect(await json(answer)).toEqual({ error: 'payload_too_large' });
    expect((await post('x'.repeat(64 * 1024))).status).toBe(400);
  });

  it('is not another route', async () => {
    await startWith();
    expect((await fetch(`${url}/v1/conversions?test=1`, { method: 'POST' })).status).toBe(401);
    expect((await fetch(`${url}/v1/conversionsx`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${url}/v1/conversions`, { method: 'PUT' })).status).toBe(404);
  });
});

describe('what AdEventsX remembers', () => {
  it('tells repeats, and whether they were the same bytes', async () => {
    await startWith({ script: ['503', 'accept*2', 'accept'] });
    const text = JSON.stringify(conversion);
    for (const body of [text, text, ` ${text}`, JSON.stringify({ ...conversion, id: randomUUID() })]) await post(body);
    const sha256 = createHash('sha256').update(text).digest('hex');
    const { count, calls, ids } = await get(`/v1/calls?id=${conversion.id}`);
    expect(count).toBe(4);
    expect(calls.map((call: ConversionCall) => [call.status, call.behaviour, call.sha256 === sha256])).toEqual([
      [503, '503', true],
      [202, 'accept', true],
      [202, 'accept', false],
    ]);
    expect(ids).toEqual({ [conversion.id]: { calls: 3, accepted: 2, bodies: 2 } });
    expect(await get('/v1/conversions')).toMatchObject({ count: 3, distinct: 2 });
    expect((await get(`/v1/conversions?id=${conversion.id}`)).conversions).toHaveLength(2);
  });

  it('is bounded, while the counts go on', async () => {
    await startWith({ remember: 3 });
    const ids = Array.from({ length: 5 }, () => randomUUID());
    for (const id of ids) await post({ ...conversion, id });
    const { count, distinct, conversions } = await get('/v1/conversions');
    expect({ count, distinct }).toEqual({ count: 5, distinct: 5 });
    expect(conversions.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect((await get('/v1/calls')).calls).toHaveLength(3);
  });

  it('is read newest-limited, or piece by piece', async () => {
    await startWith();
    const ids = Array.from({ length: 5 }, () => randomUUID());
    for (const id of ids) await post({ ...conversion, id });
    const read = async (query: string): Promise<unknown[]> => {
      const { conversions, next } = await get(`/v1/conversions?${query}`);
      return [conversions.map(({ id }: { id: string }) => ids.findIndex((known) => known === id)), next];
    };
    expect(await read('limit=2')).toEqual([[3, 4], 5]);
    expect(await read('from=0&limit=2')).toEqual([[0, 1], 2]);
    expect(await read('from=2&limit=9')).toEqual([[2, 3, 4], 5]);
    expect(await read('limit=0')).toEqual([[], 5]);
  });

  it.each(['limit=-1', 'limit=x', 'from=1.5', 'limit=1&limit=2'])('refuses the query %s', async (query) => {
    await startWith();
    const answer = await fetch(`${url}/v1/calls?${query}`);
    expect(answer.status).toBe(400);
    expect(await json(answer)).toEqual({ error: 'invalid_query', detail: expect.stringContaining('whole number') });
  });

  it('is forgotten on DELETE', async () => {
    await startWith();
    await post();
    expect((await fetch(`${url}/v1/conversions`, { method: 'DELETE' })).status).toBe(204);
    expect(await get('/v1/conversions')).toMatchObject({ count: 0, distinct: 0, conversions: [] });
    expect(await get('/v1/calls')).toMatchObject({ count: 0, calls: [] });
  });
});

describe('what a call meets', () => {
  it('is the script, one entry per call, and then the default', async () => {
    await startWith({ script: ['503*2', '429', '404'], behaviour: '500' });
    expect(await statuses(6)).toEqual([503, 503, 429, 404, 500, 500]);
  });

  it('is the script from its first entry again once it is set again, but not when something else is', async () => {
    const script = ['503', '429', '404'];
    await startWith({ script });
    expect(await statuses(1)).toEqual([503]);
    apis.set({ adeventsx: { behaviour: '410' } });
    expect(await statuses(1)).toEqual([429]);
    apis.set({ adeventsx: { script } });
    expect(await statuses(4)).toEqual([503, 429, 404, 410]);
  });

  it('is a failure or a fault at its rate, the same for the same seed', async () => {
    const settings = { failRate: 0.3, failStatuses: [500, 502], faults: { '429': 0.2, '400': 0.1 } };
    await startWith(settings, 5);
    const first = await statuses(400);
    const share = (...wanted: number[]): number => first.filter((status) => wanted.includes(status)).length / 400;
    expect(share(500, 502)).toBeCloseTo(0.3, 1);
    expect(share(500)).toBeCloseTo(0.15, 1);
    expect(share(429)).toBeCloseTo(0.2, 1);
    expect(share(400)).toBeCloseTo(0.1, 1);
    expect(share(202)).toBeCloseTo(0.4, 1);
    apis.reset();
    expect(await statuses(100)).toEqual(first.slice(0, 100));
    await apis.stop();
    await startWith(settings, 6);
    expect(await statuses(100)).not.toEqual(first.slice(0, 100));
  });

  it('is not shifted by a setting that was different for a while, nor by calls of other APIs', async () => {
    await startWith({ failRate: 0.5 });
    const expected = await statuses(40);
    apis.reset();
    const seen = await statuses(10);
    apis.set({ adeventsx: { script: ['404*10'] } });
    expect(await statuses(10)).toEqual(new Array(10).fill(404));
    await fetch(`${url}/getUsers`);
    await fetch(`${url}/api/users/user1/posts`);
    seen.push(...expected.slice(10, 20), ...(await statuses(20)));
    expect(seen).toEqual(expected);
  });
});
