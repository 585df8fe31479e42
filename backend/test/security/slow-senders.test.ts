import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

// Clients that send a byte now and then hold connections, and hold nobody else up; each is cut off in time.

const isLong = process.env['LONG'] === '1';
const SLOW_OF_EACH = isLong ? 1_000 : 100;
const GOOD_REQUESTS = isLong ? 2_000 : 100;
const HEADERS_CUT_MS = 10_000;
const BODIES_CUT_MS = 30_000;

const folder = mkdtempSync(join(tmpdir(), 'sluice-slow-'));
const gateway = new GatewayProcess({
  JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
  STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
  RATE_LIMIT_PER_MINUTE: '10000000',
  LOG_LEVEL: 'info',
});
let token = '';

beforeAll(async () => {
  await gateway.start();
  const response = await fetch(`${gateway.url}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: 'marketing-dashboard' }),
  });
  token = ((await response.json()) as { access_token: string }).access_token;
});
afterAll(async () => {
  await gateway.kill();
  rmSync(folder, { recursive: true });
});

/** A connection that says this and then drips. `ended` gives after how many milliseconds it was cut off, and what was said to it. */
function slowSender(start: string, dripEveryMs: number) {
  const { hostname: host, port } = new URL(gateway.url);
  const socket = net.connect({ host, port: Number(port) });
  const begunAt = performance.now();
  let answer = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  const drip = setInterval(() => socket.write('x'), dripEveryMs);
  const connected = new Promise<void>((resolve) => socket.write(start, () => resolve()));
  const ended = new Promise<{ afterMs: number; answer: string }>((resolve) =>
    socket.once('close', () => {
      clearInterval(drip);
      resolve({ afterMs: performance.now() - begunAt, answer });
    }),
  );
  return { connected, ended, destroy: () => socket.destroy() };
}

/** The slowest but one in a hundred of good requests, in milliseconds. */
async function goodP99(): Promise<number> {
  const durations: number[] = [];
  for (let index = 0; index < GOOD_REQUESTS; index += 1) {
    const startedAt = performance.now();
    const response = await fetch(`${gateway.url}/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(purchase()),
    });
    await response.arrayBuffer();
    expect(response.status).toBe(202);
    durations.push(performance.now() - startedAt);
  }
  durations.sort((a, b) => a - b);
  return durations[Math.floor(durations.length * 0.99)] ?? Infinity;
}

test(`${SLOW_OF_EACH} slow headers and ${SLOW_OF_EACH} slow bodies hold up nobody and are cut off`, async () => {
  await goodP99();
  const before = await goodP99();
  const body = `POST /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`;
  const headers = Array.from({ length: SLOW_OF_EACH }, (_, index) =>
    slowSender('POST /events HTTP/1.1\r\nHost: a\r\nX-', 3_000 + index),
  );
  const bodies = Array.from({ length: SLOW_OF_EACH }, (_, index) => slowSender(body, 3_000 + index));
  await Promise.all([...headers, ...bodies].map(({ connected }) => connected));
  const during = await goodP99();
  console.info(
    `p99 of a good client: ${before.toFixed(1)} ms alone, ${during.toFixed(1)} ms beside ${2 * SLOW_OF_EACH} slow senders`,
  );
  const cut = await Promise.all(headers.map(({ ended }) => ended));
  expect(Math.max(...cut.map(({ afterMs }) => afterMs))).toBeLessThan(HEADERS_CUT_MS + 5_000);
  expect(Math.min(...cut.map(({ afterMs }) => afterMs))).toBeGreaterThan(HEADERS_CUT_MS - 1_000);
  expect(cut.filter(({ answer }) => !answer.startsWith('HTTP/1.1 408 '))).toEqual([]);
  if (isLong) {
    expect(during).toBeLessThan(2 * before);
    const cutBodies = await Promise.all(bodies.map(({ ended }) => ended));
    expect(Math.max(...cutBodies.map(({ afterMs }) => afterMs))).toBeLessThan(BODIES_CUT_MS + 5_000);
    expect(cutBodies.filter(({ answer }) => !answer.startsWith('HTTP/1.1 408 '))).toEqual([]);
  }
  for (const { destroy } of bodies) destroy();
  await Promise.all(bodies.map(({ ended }) => ended));
});
