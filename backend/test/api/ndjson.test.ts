import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { brotliCompressSync, constants, createGzip, deflateSync, gzipSync } from 'node:zlib';

import { purchase, TestGateway } from '../support/test-gateway';

interface Result {
  readonly index: number;
  readonly event_id?: string;
  readonly status?: string;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: string; readonly status: number };
}

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await new TestGateway().start();
});

afterAll(() => gateway.dispose());

async function send(
  body: string | Buffer,
  more: Record<string, string> = {},
): Promise<{ status: number; type: string | null; results: Result[] }> {
  const response = await fetch(`${gateway.url}/events/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${await gateway.token()}`, ...more },
    body,
  });
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    results: lines.map((line) => JSON.parse(line) as Result),
  };
}

test('a result line for each line, in order, whatever their number', async () => {
  const ids = Array.from({ length: 5_000 }, () => randomUUID());
  const { status, type, results } = await send(
    ids.map((event_id) => JSON.stringify(purchase({ event_id }))).join('\n'),
  );
  expect([status, type]).toEqual([200, 'application/x-ndjson; charset=utf-8']);
  expect(results).toEqual(ids.map((event_id, index) => ({ index, event_id, status: 'stored', duplicate: false })));
  const again = await send(
    JSON.stringify(purchase({ event_id: ids[0], event_time_epoch: undefined, event_time: undefined })),
  );
  expect(again.results[0]?.error?.code).toBe('validation_failed');
});

test('an Idempotency-Key makes the ids of the lines, so that the stream may be sent again', async () => {
  const body = Array.from({ length: 3 }, () => JSON.stringify(purchase())).join('\n');
  const key = { 'Idempotency-Key': randomUUID() };
  const { results } = await send(body, key);
  expect(new Set(results.map(({ event_id }) => event_id)).size).toBe(3);
  expect((await send(body, key)).results).toEqual(results.map((result) => ({ ...result, duplicate: true })));
  expect((await send(body, { 'Idempotency-Key': 'a b' })).status).toBe(400);
});

test('a bad line is told in its place and sinks no other', async () => {
  const good = JSON.stringify(purchase());
  const tooLong = JSON.stringify(purchase({ properties: { a: 'x'.repeat(110_000) } }));
  const invalid = Buffer.from([0x22, 0xff, 0x22]);
  const body = Buffer.concat([
    Buffer.from(`${good}\n{"a":\n\n${tooLong}\n`),
    invalid,
    Buffer.from(`\n[]\n${good}\r\n`),
  ]);
  const { results } = await send(body);
  expect(results.map(({ index, status, error }) => [index, status ?? error?.code])).toEqual([
    [0, 'stored'],
    [1, 'invalid_json'],
    [2, 'body_too_large'],
    [3, 'invalid_encoding'],
    [4, 'validation_failed'],
    [5, 'stored'],
  ]);
});

test('results come while lines are still being sent', async () => {
  const request = http.request(`${gateway.url}/events/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${await gateway.token()}` },
  });
  const lines = (count: number) => `${Array.from({ length: count }, () => JSON.stringify(purchase())).join('\n')}\n`;
  request.write(lines(2_000));
  const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => response.once('data', resolve));
  expect(text).toContain('"index":0');
  request.end(lines(1));
  await new Promise((resolve) => response.once('end', resolve));
  expect(text.trimEnd().split('\n')).toHaveLength(2_001);
});

test('a client may wait for the result of a line before it sends the next', async () => {
  const request = http.request(`${gateway.url}/events/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${await gateway.token()}` },
  });
  request.flushHeaders();
  const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
  for (let index = 0; index < 3; index += 1) {
    request.write(`${JSON.stringify(purchase())}\n`);
    const chunk = await new Promise<Buffer>((resolve) => response.once('data', resolve));
    expect(JSON.parse(chunk.toString())).toMatchObject({ index, status: 'stored' });
  }
  request.end();
  await new Promise((resolve) => response.once('end', resolve));
});

test('a client that goes away in the middle leaves the gateway well, and what it sent before is kept', async () => {
  const id = randomUUID();
  const request = http.request(`${gateway.url}/events/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${await gateway.token()}` },
  });
  request.on('error', () => undefined);
  request.write(`${JSON.stringify(purchase({ event_id: id }))}\n${'{"user_id":"x"}\n'.repeat(1_000)}`);
  const response = await new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
  response.on('error', () => undefined);
  await new Promise((resolve) => response.once('data', resolve));
  request.destroy();
  expect((await gateway.get('/health')).status).toBe(200);
  expect((await gateway.get(`/events/${id}`)).status).toBe(200);
});

describe('a compressed stream', () => {
  const lines = (count: number) => Array.from({ length: count }, () => `${JSON.stringify(purchase())}\n`).join('');

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const)('in %s is read', async (coding, compress) => {
    const { status, results } = await send(compress(Buffer.from(lines(1_000))), { 'content-encoding': coding });
    expect([status, results.length]).toEqual([200, 1_000]);
    expect(results.every((result) => result.status === 'stored')).toBe(true);
  });

  test('is answered line by line while it is being sent', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    const authorization = `Bearer ${await gateway.token()}`;
    const request = http.request(`${gateway.url}/events/batch`, {
      method: 'POST',
      headers: { ...headers, authorization },
    });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(request);
    const responded = new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
    gzip.write(lines(1));
    const response = await responded;
    const [first] = (await new Promise<string>((resolve) =>
      response.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    ).then((text) => text.split('\n').map((line) => line && JSON.parse(line)))) as Result[];
    expect(first).toMatchObject({ index: 0, status: 'stored' });
    gzip.end(lines(1));
    let rest = '';
    for await (const chunk of response) rest += String(chunk);
    expect(JSON.parse(rest)).toMatchObject({ index: 1, status: 'stored' });
  });

  test('that breaks off says so behind what was taken, and what follows is another request', async () => {
    const whole = gzipSync(Buffer.from(lines(500)), { level: 0 });
    for (const broken of [
      whole.subarray(0, -20_000),
      Buffer.concat([whole.subarray(0, -20_000), Buffer.alloc(9_000)]),
    ]) {
      const { status, results } = await send(broken, { 'content-encoding': 'gzip' });
      expect(status).toBe(200);
      expect(results.length).toBeGreaterThan(100);
      expect(results.slice(0, -2).every((result) => result.status === 'stored')).toBe(true);
      expect(results.at(-1)?.error?.code).toBe('invalid_encoding');
    }
    const { results } = await send('not gzip at all', { 'content-encoding': 'gzip' });
    expect(results.map(({ error }) => error?.code)).toEqual(['invalid_encoding']);
  });

  test.each([
    ['content-encoding', 'zstd', 'unsupported_encoding'],
    ['content-type', 'application/x-ndjson; charset=utf-16', 'unsupported_media_type'],
  ])('with %s: %s is a 415', async (name, value, code) => {
    const response = await fetch(`${gateway.url}/events/batch`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-ndjson',
        authorization: `Bearer ${await gateway.token()}`,
        [name]: value,
      },
      body: lines(1),
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([415, code]);
  });

  test('swells no memory, whatever it swells to', async () => {
    const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024, ' '));
    const before = process.memoryUsage.rss();
    const { results } = await send(bomb, { 'content-encoding': 'gzip' });
    expect(results.map(({ error }) => error?.code)).toEqual(['body_too_large']);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });
});
