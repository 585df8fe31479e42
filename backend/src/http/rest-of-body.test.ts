import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

import { endEarly, limitRest } from './rest-of-body';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n';

let server = http.createServer();

/** Also after an error, which a reset is. */
const closeOf = (socket: net.Socket) => new Promise<boolean>((resolve) => socket.once('close', () => resolve(true)));

/**
 * Opens a connection to a server that answers so, sends the head of a request that promises a body,
 * and waits for the answer.
 */
async function answeredBeforeBody(head: string, answer: http.RequestListener) {
  server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(head);
  await once(socket, 'data');
  return socket;
}

beforeEach(() => {
  // The connections are real.
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
});
afterEach(async () => {
  jest.useRealTimers();
  await new Promise((resolve) => server.close(resolve));
});

test.each([
  [
    'that was answered, over a connection that stays',
    `${HEAD}\r\n`,
    (request: http.IncomingMessage, response: http.ServerResponse) => {
      response.once('close', () => limitRest(request));
      response.end('answer');
    },
  ],
  [
    'that was refused, over one that is to be closed',
    `${HEAD}Connection: close\r\n\r\n`,
    (request: http.IncomingMessage, response: http.ServerResponse) => endEarly(request, response, 'refusal', false),
  ],
])('a client that never sends the body of a request %s is cut off after a while', async (_name, head, answer) => {
  const socket = await answeredBeforeBody(head, answer);
  const closed = closeOf(socket);
  await jest.advanceTimersByTimeAsync(29_000);
  socket.write(' ');
  await jest.advanceTimersByTimeAsync(0);
  expect(socket.destroyed).toBe(false);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(await closed).toBe(true);
});

test('who sends without end is cut off before that', async () => {
  const socket = await answeredBeforeBody(
    HEAD.replace('Content-Length: 1000', 'Transfer-Encoding: chunked') + '\r\n',
    (request, response) => {
      response.once('close', () => limitRest(request));
      response.end('answer');
    },
  );
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, ' '), Buffer.from('\r\n')]);
  for (let sent = 0; sent < 48; sent += 1) await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
  const closed = closeOf(socket);
  await jest.advanceTimersByTimeAsync(1_000);
  expect(await closed).toBe(true);
});
