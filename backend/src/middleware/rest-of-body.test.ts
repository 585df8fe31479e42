import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

import { endEarly, limitRest } from './rest-of-body';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n';

/** Opens a connection to a server that answers so, sends the head of a request that promises a body, and waits for the answer. */
async function answeredBeforeBody(head: string, answer: http.RequestListener) {
  const server = http.createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(head);
  await once(socket, 'data');
  return { server, socket };
}

beforeEach(() => {
  // The connections are real.
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
});
afterEach(() => jest.useRealTimers());

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
  const { server, socket } = await answeredBeforeBody(head, answer);
  const closed = once(socket, 'close');
  await jest.advanceTimersByTimeAsync(29_000);
  socket.write(' ');
  await jest.advanceTimersByTimeAsync(0);
  expect(socket.destroyed).toBe(false);
  await jest.advanceTimersByTimeAsync(1_000);
  await closed;
  server.close();
});
