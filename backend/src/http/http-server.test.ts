import net, { type Socket } from 'node:net';
import { once } from 'node:events';

import { systemRuntime } from '../external-services/system-runtime';
import { HttpServer } from './http-server';

/** The sleeps of the server, which end when the test says so. */
const sleeps: (() => void)[] = [];
const runtime = { ...systemRuntime, sleep: () => new Promise<void>((resolve) => sleeps.push(resolve)) };
const begun: string[] = [];
let server: HttpServer;
let port = 0;

beforeEach(async () => {
  const options = { host: '127.0.0.1', port: 0, runtime, stopTimeoutMs: 60_000, isBehindProxy: false, tls: null };
  server = new HttpServer((request, response) => {
    begun.push(request.url ?? '');
    response.end('done');
  }, options);
  port = await server.start();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemRuntime.turn();
}

async function connected(): Promise<Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** All that comes back until the server ends the connection; rejects when it is reset. */
function answerTo(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.once('error', reject).once('close', () => resolve(text));
  });
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: here\r\n${more}\r\n`;

test('a stop resets nobody: what comes while the port closes is begun after it, and a silent connection has its request answered', async () => {
  const silent = await connected();
  // Connections are taken in their order: once this one is answered, the silent one has been taken
  // too.
  const first = await connected();
  const firstAnswer = answerTo(first);
  first.write(get('/first', 'Connection: close\r\n'));
  expect(await firstAnswer).toContain('200 OK');
  const late = await connected();

  const stopped = server.stop();
  await until(() => sleeps.length === 1);
  sleeps.shift()?.();
  await until(() => sleeps.length === 1);
  const lateAnswer = answerTo(late);
  late.write(get('/late'));
  await until(() => server.openRequests === 1);
  expect(begun).toEqual(['/first']);

  sleeps.shift()?.();
  expect(await lateAnswer).toMatch(/200 OK[^]*Connection: close/i);
  await expect(connected()).rejects.toMatchObject({ code: 'ECONNREFUSED' });

  await until(() => sleeps.length === 1);
  const silentAnswer = answerTo(silent);
  silent.write(get('/silent'));
  expect(await silentAnswer).toMatch(/200 OK[^]*Connection: close/i);
  sleeps.shift()?.();
  await stopped;
});
