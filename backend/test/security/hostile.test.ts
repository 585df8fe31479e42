import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GatewayProcess } from '../support/gateway-process';
import { HostileInput } from '../support/hostile-input';
import { purchase } from '../support/test-gateway';

// Hostile input against the real process: nothing gets a 500, nothing ends it, and its memory stays.

const isLong = process.env['LONG'] === '1';
const BODIES = isLong ? 100_000 : 500;
const RAW_REQUESTS = isLong ? 20_000 : 300;
const AT_ONCE = 8;
const MIB = 1024 * 1024;
const seed = isLong ? Date.now() : 20_261_121;

const folder = mkdtempSync(join(tmpdir(), 'sluice-hostile-'));
const gateway = new GatewayProcess({
  JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
  STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
  RATE_LIMIT_PER_MINUTE: '10000000',
});
const tokens: Record<string, string> = {};

beforeAll(async () => {
  await gateway.start();
  for (const [clientId, clientSecret] of [['marketing-dashboard'], ['operator', 'operator-dev-secret']] as const) {
    const response = await fetch(`${gateway.url}/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ clientId, clientSecret }),
    });
    tokens[clientId] = ((await response.json()) as { access_token: string }).access_token;
  }
});
afterAll(async () => {
  await gateway.kill();
  rmSync(folder, { recursive: true });
});

const residentBytes = async (): Promise<number> => {
  const headers = { authorization: `Bearer ${tokens['operator'] ?? ''}` };
  const text = await (await fetch(`${gateway.url}/metrics`, { headers })).text();
  return Number(/^process_resident_memory_bytes (\d+)/m.exec(text)?.[1]);
};

/** Some at once, all in all `count`. */
async function many(count: number, one: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async () => {
    for (; left > 0; left -= 1) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Mostly the right one, so that the body is read. */
function mediaTypeFor(path: string, input: HostileInput): string {
  if (input.below(20) === 0)
    return input.pick(['text/plain', 'application/json; charset=utf-16', 'application/x-ndjson', '/']);
  return path === '/auth/token' ? 'application/x-www-form-urlencoded' : 'application/json';
}

test(`${BODIES} hostile bodies, seed ${seed}`, async () => {
  const input = new HostileInput(seed);
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const send = async () => {
    const path = input.pick([
      '/events',
      '/events',
      '/events/batch',
      '/auth',
      '/auth/token',
      '/v1/users/events',
      '/addEvent',
    ]);
    const body = input.body(purchase());
    const response = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens['marketing-dashboard'] ?? ''}`,
        'content-type': mediaTypeFor(path, input),
        ...(input.below(20) === 0 && { 'content-encoding': input.pick(['gzip', 'br', 'deflate', 'zstd']) }),
        ...(input.below(20) === 0 && { 'idempotency-key': input.pick(['a', '../', 'é', 'x'.repeat(300)]) }),
      },
      body: new Uint8Array(body),
    });
    const text = await response.text();
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const isWrong = response.status === 500 || /\bat .*\.(js|ts):\d+|node_modules|SQLITE/i.test(text);
    if (isWrong)
      failures.push(
        `${path} ${String(response.status)} ${body.toString('base64').slice(0, 2000)} ${text.slice(0, 200)}`,
      );
  };
  await many(Math.floor(BODIES / 5), send);
  const before = await residentBytes();
  await many(BODIES - Math.floor(BODIES / 5), send);
  const grownMib = ((await residentBytes()) - before) / MIB;
  console.info(`${BODIES} bodies: ${JSON.stringify([...statuses])}, memory ${grownMib.toFixed(0)} MiB more`);
  expect(failures).toEqual([]);
  expect((statuses.get(400) ?? 0) / BODIES).toBeGreaterThan(0.3);
  expect(grownMib).toBeLessThan(isLong ? 64 : 128);
});

/** What came back for these bytes, and the end of the connection, by either side. */
function exchange(bytes: Buffer): Promise<string> {
  const { hostname: host, port } = new URL(gateway.url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = net.connect({ host, port: Number(port) });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.end(bytes);
  });
}

test(`${RAW_REQUESTS} requests that are hardly HTTP, seed ${seed}`, async () => {
  const input = new HostileInput(seed + 1);
  const statuses = new Map<string, number>();
  const failures: string[] = [];
  await many(RAW_REQUESTS, async () => {
    const bytes = input.rawRequest();
    const answer = await exchange(bytes);
    for (const [, status = ''] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // 100 asks for a body, which nobody without a token is then let in with.
      // On a machine that is busy otherwise, load is shed (503).
      if (!/^(4\d\d|100|503)$/.test(status)) failures.push(`${status} ${bytes.toString('base64').slice(0, 2000)}`);
    }
    if (answer !== '' && !answer.startsWith('HTTP/1.1 ')) failures.push(`no HTTP ${bytes.toString('base64')}`);
  });
  console.info(`${RAW_REQUESTS} raw requests: ${JSON.stringify([...statuses])}`);
  expect(failures).toEqual([]);
  expect(statuses.get('400') ?? 0).toBeGreaterThan(RAW_REQUESTS / 10);
});

test('after all that it lives and takes events', async () => {
  expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
  const response = await fetch(`${gateway.url}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens['marketing-dashboard'] ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify(purchase()),
  });
  expect(response.status).toBe(202);
  expect(gateway.lines.filter(({ msg }) => msg === 'gateway.uncaught' || msg === 'request.failed')).toEqual([]);
});
