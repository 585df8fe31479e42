import net from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import supertest from 'supertest';

import { problemOf, rawRequest, statusOf } from '../support/raw-request';
import { purchase, TestGateway } from '../support/test-gateway';

const ORIGIN = 'https://console.example.com';
const gateway = new TestGateway({ CORS_ORIGINS: ORIGIN });
let token = '';

beforeAll(async () => {
  await gateway.start();
  token = await gateway.token();
});

afterAll(() => gateway.dispose());

describe('headers that may stand once', () => {
  test.each([
    ['host', 'Host: a'],
    ['authorization', 'Authorization: Bearer x'],
    ['content-type', 'Content-Type: application/json'],
    ['idempotency-key', 'Idempotency-Key: a'],
  ])('%s twice is a 400', async (name, line) => {
    const other = line.startsWith('Host') ? '' : 'Host: a\r\n';
    const answer = await rawRequest(
      gateway.url,
      `POST /events HTTP/1.1\r\n${other}Connection: close\r\nContent-Length: 2\r\n${line}\r\n${line.toUpperCase()}\r\n\r\n{}`,
    );
    expect([statusOf(answer), problemOf(answer).code]).toEqual([400, 'invalid_request']);
    expect(problemOf(answer).detail).toContain(name);
  });

  test.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked'],
    ['no host', 'X-A: b'],
    ['a header that is folded', 'X-A: b\r\n c'],
    ['a NUL', 'X-A: \0'],
    ['a line without a colon', 'nonsense'],
    ['a host that is none', 'Host: a b/c'],
  ])('%s is a 400 in the form of every error', async (name, lines) => {
    const host = name.includes('host') ? '' : 'Host: a\r\n';
    const answer = await rawRequest(
      gateway.url,
      `GET /health HTTP/1.1\r\n${host}${lines}\r\nConnection: close\r\n\r\n`,
    );
    expect([statusOf(answer), problemOf(answer).code]).toEqual([400, 'invalid_request']);
    expect(answer).toContain('application/problem+json');
  });

  test.each([
    ['another version', 'GET /health HTTP/2.0\r\nHost: a\r\nConnection: close\r\n\r\n'],
    ['no version', 'GET /health\r\nConnection: close\r\n\r\n'],
    ['a wish for a tunnel', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n'],
  ])('%s is a 400 too', async (_name, bytes) => {
    const answer = await rawRequest(gateway.url, bytes);
    expect([statusOf(answer), problemOf(answer).code]).toEqual([400, 'invalid_request']);
  });

  test('headers over 16 KiB are a 431', async () => {
    const answer = await rawRequest(
      gateway.url,
      `GET /health HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(17_000)}\r\n\r\n`,
    );
    expect([statusOf(answer), problemOf(answer).code]).toEqual([431, 'headers_too_large']);
  });

  test('what is not HTTP gets an answer and loses its connection', async () => {
    expect(statusOf(await rawRequest(gateway.url, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'))).toBe(400);
  });
});

test.each(['user_id=%ff', 'user_id=%zz', 'user_id=%', '__proto__=1', '%5F_proto__=1'])(
  'the query ?%s is a 400',
  async (query) => {
    const answer = await supertest(gateway.url).get(`/events?${query}`).set('Authorization', `Bearer ${token}`);
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([400, 'invalid_request']);
  },
);

describe('compressed bodies', () => {
  const send = (encoding: string, body: Buffer) =>
    fetch(`${gateway.url}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-encoding': encoding },
      body: new Uint8Array(body),
    });
  const text = () => Buffer.from(JSON.stringify(purchase()));

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const)('%s is read', async (encoding, compress) => {
    expect((await send(encoding, compress(text()))).status).toBe(202);
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
  ] as const)('a %s bomb is a 413 and swells no memory', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024, ' '));
    expect(bomb.length).toBeLessThan(100 * 1024);
    const before = process.memoryUsage.rss();
    const response = await send(encoding, bomb);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([413, 'body_too_large']);
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 * 1024 * 1024);
  });

  test('what is no gzip, and half of one, is a 400', async () => {
    expect((await send('gzip', text())).status).toBe(400);
    expect((await send('gzip', gzipSync(text()).subarray(0, 40))).status).toBe(400);
  });

  test.each(['zstd', 'gzip, gzip', 'constructor', ''])(
    'the coding "%s" is a 415 that says which are read',
    async (encoding) => {
      const answer = await rawRequest(
        gateway.url,
        `POST /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Encoding: ${encoding}\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect([statusOf(answer), problemOf(answer).code]).toEqual([415, 'unsupported_encoding']);
      expect(answer).toMatch(/^accept-encoding: gzip, br, deflate/im);
    },
  );
});

test('bodies on their way are bounded in all: who comes after is told to wait, and then is read', async () => {
  const size = 5 * 1024 * 1024;
  const head = `POST /events/batch HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`;
  const unfinished = Buffer.concat([Buffer.from(head), Buffer.alloc(size - 1, ' ')]);
  const { hostname: host, port } = new URL(gateway.url);
  const sockets: net.Socket[] = [];
  const refused = await new Promise<string>((resolve) => {
    // 64 MiB are twelve of these and a piece.
    for (let index = 0; index < 14; index += 1) {
      const socket = net.connect({ host, port: Number(port) });
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString()));
      socket.write(unfinished);
      sockets.push(socket);
    }
  });
  expect([statusOf(refused), problemOf(refused).code]).toEqual([503, 'overloaded']);
  expect(refused).toMatch(/^retry-after: \d+/im);
  const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
  let status = 503;
  for (let attempt = 0; attempt < 100 && status === 503; attempt += 1) {
    ({ status } = await gateway.post('/events', purchase()));
  }
  expect(status).toBe(202);
});

describe('what a browser is told', () => {
  test('an answer may run nothing and be framed nowhere', async () => {
    const { headers } = await supertest(gateway.url).get('/health');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'strict-transport-security': 'max-age=31536000',
    });
  });

  test('only the origins of the setting may call', async () => {
    const preflight = (origin: string) =>
      supertest(gateway.url).options('/events').set('Origin', origin).set('Access-Control-Request-Method', 'POST');
    const allowed = await preflight(ORIGIN);
    expect([allowed.status, allowed.headers['access-control-allow-origin']]).toEqual([204, ORIGIN]);
    expect(allowed.headers['access-control-allow-headers']).toContain('Authorization');
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    for (const origin of [`${ORIGIN}.evil.example`, 'null', 'http://console.example.com']) {
      const refused = await preflight(origin);
      expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([405, undefined]);
    }
    const answer = await supertest(gateway.url).get('/health').set('Origin', ORIGIN);
    expect([answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([ORIGIN, 'Origin']);
  });
});
