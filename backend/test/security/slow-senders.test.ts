import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GatewayProcess } from '../support/gateway-process';
import type { SlowEnd } from '../support/slow-senders';
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

/** Slow senders in a process of their own. `ended` gives how each of some was cut off: after how many milliseconds, and with which answer. */
async function slowSenders(starts: readonly string[]) {
  const child = fork(join(__dirname, '../support/slow-senders.ts'), { execArgv: ['--import', 'tsx'] });
  const ends = new Map<number, SlowEnd>();
  let told: () => void = () => undefined;
  const connected = new Promise<void>((resolve) =>
    child.on('message', (message: 'connected' | SlowEnd) => {
      if (message === 'connected') resolve();
      else ends.set(message.index, message);
      told();
    }),
  );
  child.send([Number(new URL(gateway.url).port), ...starts]);
  await connected;
  return {
    async ended(from: number, to: number): Promise<SlowEnd[]> {
      const wanted = Array.from({ length: to - from }, (_, index) => from + index);
      while (!wanted.every((index) => ends.has(index))) await new Promise<void>((resolve) => (told = resolve));
      return [...ends.values()].filter(({ index }) => index >= from && index < to);
    },
    async stop(): Promise<void> {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
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
  const header = 'POST /events HTTP/1.1\r\nHost: a\r\nX-';
  const starts = [...Array<string>(SLOW_OF_EACH).fill(header), ...Array<string>(SLOW_OF_EACH).fill(body)];
  const senders = await slowSenders(starts);
  try {
    const during = await goodP99();
    console.info(
      `p99 of a good client: ${before.toFixed(1)} ms alone, ${during.toFixed(1)} ms beside ${2 * SLOW_OF_EACH} slow senders`,
    );
    const cut = await senders.ended(0, SLOW_OF_EACH);
    expect(Math.max(...cut.map(({ afterMs }) => afterMs))).toBeLessThan(HEADERS_CUT_MS + 5_000);
    expect(Math.min(...cut.map(({ afterMs }) => afterMs))).toBeGreaterThan(HEADERS_CUT_MS - 1_000);
    expect(cut.filter(({ answer }) => !answer.startsWith('HTTP/1.1 408 '))).toEqual([]);
    if (isLong) {
      const cutBodies = await senders.ended(SLOW_OF_EACH, 2 * SLOW_OF_EACH);
      expect(Math.max(...cutBodies.map(({ afterMs }) => afterMs))).toBeLessThan(BODIES_CUT_MS + 5_000);
      expect(cutBodies.filter(({ answer }) => !answer.startsWith('HTTP/1.1 408 '))).toEqual([]);
      expect(during).toBeLessThan(2 * before);
    }
  } finally {
    await senders.stop();
  }
});
