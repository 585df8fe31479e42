import net from 'node:net';

import { problemOf, rawRequest, statusOf } from '../support/raw-request';
import { purchase, TestGateway } from '../support/test-gateway';

// Requests that are answered before their body is here: the client must get to read the answer, and hold nothing afterwards.

const gateway = new TestGateway();
let token = '';

beforeAll(async () => {
  await gateway.start();
  token = await gateway.token();
});
afterAll(() => gateway.dispose());

/** As many clients do: sends all of it and only then reads. Gives what came back, or the error that kept it from sending. */
function sendThenRead(bytes: Buffer): Promise<string> {
  const { hostname: host, port } = new URL(gateway.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect({ host, port: Number(port) });
    socket.pause();
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (answer += chunk));
    socket.on('error', (error) => resolve(error.message));
    socket.once('close', () => resolve(answer));
    socket.write(bytes, () => socket.resume());
  });
}

const postOf = (lines: readonly string[], body: Buffer | string): Buffer =>
  Buffer.concat([
    Buffer.from(
      ['POST /events/batch HTTP/1.1', 'Host: a', 'Content-Type: application/json', ...lines, '', ''].join('\r\n'),
    ),
    Buffer.from(body),
  ]);

describe('a client that sends a large body to its end before it reads', () => {
  const size = 8 * 1024 * 1024;
  const body = Buffer.alloc(size, ' ');
  const chunked = Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
  const authorization = () => `Authorization: Bearer ${token}`;

  test.each([
    ['without a token', 401, () => postOf(['Connection: close', `Content-Length: ${size}`], body)],
    ['that says its size', 413, () => postOf(['Connection: close', authorization(), `Content-Length: ${size}`], body)],
    ['in chunks', 413, () => postOf(['Connection: close', authorization(), 'Transfer-Encoding: chunked'], chunked)],
  ])('%s reads %d and no reset', async (_name, status, bytes) => {
    expect(statusOf(await sendThenRead(bytes()))).toBe(status);
  });
});

test('a refusal leaves the connection open for the next request', async () => {
  const refused = postOf(['Content-Length: 2'], '{}').toString();
  const next = 'GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const answer = await rawRequest(gateway.url, refused + next);
  expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['401', '200']);
});

describe('a client that asks before it sends its body', () => {
  const ask = (lines: readonly string[], path = '/events') =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n${lines.join('\r\n')}\r\n\r\n`;

  test.each([
    ['without a token', 401, () => ask(['Content-Length: 20'])],
    ['with a body that is too large', 413, () => ask([`Authorization: Bearer ${token}`, 'Content-Length: 102401'])],
    ['to nowhere', 404, () => ask(['Content-Length: 20'], '/nowhere')],
  ])('%s hears %d at once, and the connection ends', async (_name, status, head) => {
    const answer = await rawRequest(gateway.url, head());
    expect(statusOf(answer)).toBe(status);
    expect(answer).toMatch(/^connection: close/im);
  });

  test.each([
    ['/events', 'application/json', (): string => JSON.stringify(purchase()), '202'],
    ['/events/batch', 'application/x-ndjson', (): string => `${JSON.stringify(purchase())}\n`, '200'],
  ])('is asked for it at %s as %s', async (path, type, makeBody, status) => {
    const body = makeBody();
    const head = [`POST ${path} HTTP/1.1`, 'Host: a', `Content-Type: ${type}`, 'Expect: 100-continue'];
    const { hostname: host, port } = new URL(gateway.url);
    const statuses = await new Promise<string[]>((resolve) => {
      let answer = '';
      const socket = net.connect({ host, port: Number(port) });
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => {
        if (answer === '' && chunk.startsWith('HTTP/1.1 100 ')) socket.write(body);
        answer += chunk;
      });
      socket.once('close', () => resolve([...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, code = '']) => code)));
      const rest = [
        `Authorization: Bearer ${token}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        'Connection: close',
      ];
      socket.write(`${[...head, ...rest].join('\r\n')}\r\n\r\n`);
    });
    expect(statuses).toEqual(['100', status]);
  });

  test('for something else than leave is a 417', async () => {
    const answer = await rawRequest(
      gateway.url,
      'GET /version HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n',
    );
    expect([statusOf(answer), problemOf(answer).code]).toEqual([417, 'expectation_failed']);
  });
});
