import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { purchase, TestGateway } from '../support/test-gateway';

/** What strangers send that is odd in form and clear in meaning, and what one faulty event may cost the others. */

interface Problem {
  readonly code: string;
  readonly status: number;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}
interface BatchAnswer {
  readonly accepted: number;
  readonly rejected: number;
  readonly results: readonly { readonly index: number; readonly status?: string; readonly error?: Problem }[];
}

const received: { readonly path: string; readonly body: string }[] = [];
const upstream = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    received.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString() });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}');
  });
});
const gateway = new TestGateway();

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`;
  const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
  const destinations = [
    {
      name: 'hook',
      type: 'webhook',
      url: `${url}/hook`,
      events: ['purchase', 'refund'],
      secrets: [secret],
      allowPrivateNetwork: true,
    },
    { name: 'old', type: 'event-api', url: `${url}/old`, events: ['purchase'] },
    { name: 'ads', type: 'adeventsx', url: `${url}/ads`, apiKey: 'k', events: ['refund'] },
  ];
  const events = [
    { name: 'purchase', requires: ['value', 'campaign_id'] },
    { name: 'refund', negative: true },
  ];
  // JSON is YAML.
  writeFileSync(join(gateway.folder, 'destinations.yml'), JSON.stringify({ destinations }));
  writeFileSync(join(gateway.folder, 'events.yml'), JSON.stringify({ events }));
  gateway.environment['DESTINATIONS_FILE'] = join(gateway.folder, 'destinations.yml');
  gateway.environment['EVENTS_FILE'] = join(gateway.folder, 'events.yml');
  await gateway.start();
});

afterAll(async () => {
  await gateway.dispose();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

/** Posts a body byte for byte. */
async function postRaw(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await gateway.token()}`, ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { status: response.status, body: await response.json() };
}

async function getText(path: string): Promise<string> {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${await gateway.token()}` },
  });
  return response.text();
}

/** An event as JSON text with one more member. */
const withMember = (member: string, fields: Record<string, unknown> = {}) =>
  JSON.stringify(purchase(fields)).replace(/\}$/, `,${member}}`);
const sound = () => JSON.stringify(purchase());

describe('one faulty element of a JSON batch', () => {
  test.each([
    ['an escaped NUL', '"click_id":"a\\u0000"', '/click_id'],
    ['a NUL as it is', '"click_id":"a\u0000"', '/click_id'],
    ['half a surrogate pair', '"click_id":"\\ud83d"', '/click_id'],
    ['half a surrogate pair in properties', '"properties":{"a":["b",{"c":"\\ude00"}]}', '/properties/a/1/c'],
    ['an unknown escape', '"click_id":"\\x41"', '/click_id'],
    ['NaN, as Python writes it', '"properties":{"score":NaN}', '/properties/score'],
    ['-Infinity', '"properties":{"score":-Infinity}', '/properties/score'],
    ['a number with a superfluous zero', '"properties":{"zip":01234}', '/properties/zip'],
    ['undefined', '"properties":{"a":undefined}', '/properties/a'],
    ['a key twice', '"click_id":"a","click_id":"b"', '/click_id'],
    ['the key __proto__', '"properties":{"__proto__":{"admin":true}}', '/properties/__proto__'],
    ['nesting of 33', `"properties":${'[{"a":'.repeat(20)}1${'}]'.repeat(20)}`, undefined],
    ['a string that is too long', `"click_id":"${'x'.repeat(129)}"`, '/click_id'],
    ['a number of 65 characters', `"properties":{"n":${'1'.repeat(65)}}`, '/properties/n'],
    ['a number where a text belongs', '"click_id":1e400', '/click_id'],
  ])('%s is refused alone, and pointed to', async (_name, member, pointer) => {
    const body = `{"events":[${sound()},${withMember(member)},${sound()}]}`;
    const { status, body: answer } = await postRaw('/events/batch', body);
    const { results, ...count } = answer as BatchAnswer;
    expect([status, count]).toEqual([207, { accepted: 2, duplicates: 0, rejected: 1 }]);
    expect(results.map(({ index, error }) => [index, error?.status])).toEqual([
      [0, undefined],
      [1, 400],
      [2, undefined],
    ]);
    const found = results[1]?.error?.errors?.map((error) => error.pointer);
    expect(found).toEqual(pointer === undefined ? [expect.stringMatching(/^\/properties\//)] : [pointer]);
  });

  test('bytes that are not UTF-8 are the fault of their element too', async () => {
    const [before, after] = withMember('"click_id":"caf\ufffd!"').split('\ufffd') as [string, string];
    const body = Buffer.concat([
      Buffer.from(`{"events":[${withMember('"click_id":"\ufffd"')},${before}`),
      Buffer.from([0xe9]),
      Buffer.from(`${after},${sound()}]}`),
    ]);
    const { status, body: answer } = await postRaw('/events/batch', body);
    const { results } = answer as BatchAnswer;
    expect([status, results.map(({ error }) => error?.errors?.[0]?.pointer)]).toEqual([
      207,
      [undefined, '/click_id', undefined],
    ]);
  });

  test.each([
    '',
    '{',
    '{"events":[',
    `{"events":[{"a":"\\u0000"}`,
    '{"events":[{"a" 1}]}',
    '{"events":[1,]}',
    'events',
  ])('what is no JSON is refused as a whole: %j', async (body) => {
    const answer = await postRaw('/events/batch', body);
    expect([answer.status, (answer.body as Problem).code]).toEqual([400, 'invalid_json']);
  });

  test('a single event with such a fault is refused with a pointer', async () => {
    const answer = await postRaw('/events', withMember('"properties":{"a":"\\u0000"}'));
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'invalid_json', errors: [{ pointer: '/properties/a' }] },
    });
  });
});

describe('numbers in free fields', () => {
  const NUMBERS =
    '{"a":277.199999999999989,"b":[1e400,-0,1E5],"c":12345678901234567890,"d":1.0,"e":"1.0","f":{"g":-0.10e-2}}';

  test('stay as they were sent, wherever they leave', async () => {
    const id = randomUUID();
    const text = withMember(`"properties":${NUMBERS}`, { event_id: id });
    const posted = await postRaw('/events', text, { Prefer: 'wait=20' });
    expect([posted.status, (posted.body as { status: string }).status]).toEqual([200, 'delivered']);
    const sent = received.filter(({ body }) => body.includes(id));
    expect(sent.map(({ path }) => path).sort()).toEqual(['/hook', '/old/addEvent']);
    expect(sent.find(({ path }) => path === '/hook')?.body).toContain(`"properties":${NUMBERS}`);
    expect(sent.find(({ path }) => path !== '/hook')?.body).toContain(NUMBERS.slice(1));
    for (const path of [`/events/${id}`, '/events?limit=1', `/events/user/user-1?limit=1`]) {
      const shown = await getText(path);
      expect(shown).toContain(`"properties":${NUMBERS},"deliver_at"`);
      // Of each delivery's payload too.
      expect(shown.split(NUMBERS.slice(1, -1))).toHaveLength(4);
    }
  });

  test('go through /addEvent, NDJSON and batches as they are', async () => {
    const added = await postRaw('/addEvent', '{"name":"n","userId":"u-added","lat":52.52000659999999,"big":1E400}');
    const { id } = added.body as { id: string };
    while (!received.some(({ body }) => body.includes(id))) await getText(`/events/${id}`);
    expect(received.find(({ body }) => body.includes(id))?.body).toContain('"lat":52.52000659999999,"big":1E400}');
    const members = [withMember('"properties":{"n":1.10}', { user_id: 'u-many' })];
    const response = await fetch(`${gateway.url}/events/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${await gateway.token()}` },
      body: members.join('\n'),
    });
    expect(await response.text()).toContain('"duplicate":false');
    await postRaw('/events/batch', `{"events":[${withMember('"properties":{"n":1.20}', { user_id: 'u-many' })}]}`);
    const shown = await getText('/events?user_id=u-many');
    expect([shown.includes('{"n":1.10}'), shown.includes('{"n":1.20}')]).toEqual([true, true]);
  });

  test('are one content where their value is one', async () => {
    const fields = { event_id: randomUUID(), event_time_epoch: Math.floor(Date.now() / 1000) };
    const post = (number: string) => postRaw('/events', withMember(`"properties":{"n":${number}}`, fields));
    expect((await post('1')).body).toMatchObject({ duplicate: false });
    for (const same of ['1.0', '1e0', '10E-1']) expect((await post(same)).body).toMatchObject({ duplicate: true });
    for (const other of ['1.0000000000000000001', '-1', '1e400']) expect((await post(other)).status).toBe(409);
  });

  test.each([
    [64, 202],
    [65, 400],
  ])('of %i characters: %i', async (length, status) => {
    const number = `0.${'1'.repeat(length - 2)}`;
    for (const [path, text] of [
      ['/events', withMember(`"properties":{"x":{"y/z":[${number}]}}`)],
      ['/addEvent', `{"name":"n","userId":"u","x":{"y/z":[${number}]}}`],
    ] as const) {
      const answer = await postRaw(path, text);
      expect(answer.status).toBe(status);
      if (status === 202) continue;
      const pointer = path === '/events' ? '/properties/x/y~1z/0' : '/x/y~1z/0';
      expect((answer.body as Problem).errors).toEqual([
        { pointer, detail: 'must be a number of at most 64 characters' },
      ]);
    }
  });

  test('a field that is a number is one in any spelling', async () => {
    const epoch = Math.floor(Date.now() / 1000);
    const answer = await postRaw(
      '/events',
      withMember(`"event_time_epoch":${String(epoch)}.0`, { event_time_epoch: undefined }),
    );
    expect(answer.status).toBe(202);
    const tracked = `{"user_id":"u","event_type":"purchase","timestamp":`;
    expect((await postRaw('/v1/users/events', `${tracked}1e3}`)).status).toBe(201);
    expect((await postRaw('/v1/users/events', `${tracked}1000}`)).status).toBe(409);
    expect((await postRaw('/v1/users/events', `${tracked}1e400}`)).status).toBe(400);
  });
});

describe('refunds', () => {
  const refund = (value: unknown) => purchase({ event_name: 'refund', campaign_id: undefined, value });

  test.each([
    [-19.99, -1999],
    ['-1.005', -101],
    [-1e9, -100_000_000_000],
    ['-0.00', 0],
    [5, 500],
  ])('%p is %p cents in what is stored and sent', async (value, cents) => {
    const posted = await gateway.post('/events', refund(value), { Prefer: 'wait=20' });
    const { event_id: id } = posted.body as { event_id: string };
    expect((await gateway.get(`/events/${id}`)).body).toMatchObject({ value_cents: cents, status: 'delivered' });
    const sent = received.filter(({ body }) => body.includes(id));
    expect(sent.map(({ body }) => body.includes(`"value_cents":${String(cents)},`))).toEqual([true, true]);
  });

  test.each([
    [refund(-1_000_000_001), 'must be from -1000000000 to 1000000000'],
    [purchase({ value: -0.001 }), expect.stringContaining('must be from 0 to 1000000000')],
  ])('beyond what its name allows it is refused', async (event, detail) => {
    const answer = await gateway.post('/events', event);
    expect([answer.status, (answer.body as Problem).errors]).toEqual([400, [{ pointer: '/value', detail }]]);
  });
});

describe('Idempotency-Key', () => {
  const post = async (key: string, event: object, path = '/events') =>
    gateway.post(path, event, { 'Idempotency-Key': key });
  const idOf = ({ body }: { body: unknown }) => (body as { event_id: string }).event_id;

  test('is one key as a string and bare', async () => {
    const event = purchase();
    const key = randomUUID();
    const first = await post(key, event);
    for (const spelling of [`"${key}"`, `"${key}";a=1`, `"${key}"; b; c="x;y\\""`]) {
      expect((await post(spelling, event)).body).toMatchObject({ event_id: idOf(first), duplicate: true });
    }
    const escaped = await post(`"${key}\\"\\\\"`, event);
    expect(idOf(escaped)).not.toBe(idOf(first));
    expect((await post(`"${key}\\"\\\\";x`, event)).body).toMatchObject({ event_id: idOf(escaped), duplicate: true });
  });

  test('with a space in it is never the key of an item of a batch', async () => {
    const key = randomUUID();
    const event = purchase();
    const batch = await post(key, { events: [event] }, '/events/batch');
    const item = (batch.body as { results: { event_id: string }[] }).results[0]?.event_id;
    expect((await post(`"${key} 0"`, event)).body).toMatchObject({ duplicate: false });
    expect(idOf(await post(`"${key} 0"`, event))).not.toBe(item);
  });

  test.each(['""', '"', '"a', '"a"b', '"a\\b"', '"a" x', '"a";', '"a";=1', `"${'k'.repeat(256)}"`, '"k", "k"', 'a b'])(
    'is refused where it is neither: %s',
    async (key) => {
      const answer = await post(key, purchase());
      expect([answer.status, (answer.body as Problem).code]).toEqual([400, 'invalid_request']);
    },
  );
});
