import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { accepted, FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

/** A real process whose disk takes no more (RLIMIT_FSIZE: a write past it fails), and one whose fsync fails. */

const folder = mkdtempSync(join(tmpdir(), 'sluice-full-'));
const destination = new FakeDestination();
const ROUNDS = process.env['LONG'] === '1' ? 20 : 1;

const settings = (name: string, more: Record<string, string> = {}) => ({
  JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
  STORE_URL: `sqlite:${join(folder, `${name}.db`)}`,
  ADEVENTSX_URL: destination.url,
  ADEVENTSX_API_KEY: 'key-1',
  DELIVERY_CONCURRENCY: '1',
  RETRY_BASE_MS: '10',
  ...more,
});

beforeAll(() => destination.start());

beforeEach(() => {
  destination.calls.length = 0;
  destination.acceptedIds.length = 0;
  destination.answering = () => accepted;
});

afterAll(async () => {
  await destination.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function tokenOf(gateway: GatewayProcess): Promise<string> {
  const response = await fetch(`${gateway.url}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: 'marketing-dashboard' }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function post(gateway: GatewayProcess, token: string, event_id: string) {
  const response = await fetch(`${gateway.url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(purchase({ event_id, ...fixedTime })),
  });
  const body = (await response.json()) as { code?: string; duplicate?: boolean };
  return { ...body, status: response.status, retryAfter: response.headers.get('retry-after') };
}

/** A repeat must carry the same content. */
const fixedTime = { event_time_epoch: Math.floor(Date.now() / 1000) };

async function readyStatus(gateway: GatewayProcess, wanted: number): Promise<unknown> {
  for (;;) {
    const response = await fetch(`${gateway.url}/ready`);
    const body: unknown = await response.json();
    if (response.status === wanted) return body;
  }
}

/** The soft limit alone, which needs no privilege to be raised again. */
function limitFileSize(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${String(bytes)}:`]);
}

const failures = (gateway: GatewayProcess): number =>
  gateway.lines.filter(({ msg }) => msg === 'delivery.settle_failed').length;

test.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
  'a full disk, round %i: 503, nothing more is sent; with room again it goes on by itself, nothing lost, nothing twice',
  async (round) => {
    const gateway = await new GatewayProcess(settings(`full-${String(round)}`)).start();
    try {
      const token = await tokenOf(gateway);
      let hanging: http.ServerResponse | null = null;
      destination.answering = (call, _body, response) => {
        if (call > 0) return accepted;
        hanging = response;
        return null;
      };
      const ids = Array.from({ length: 5 }, () => randomUUID());
      for (const id of ids) expect((await post(gateway, token, id)).status).toBe(202);
      await destination.until(({ calls }) => calls.length === 1);

      limitFileSize(gateway.pid, 4096);
      const refused = randomUUID();
      expect(await post(gateway, token, refused)).toMatchObject({
        status: 503,
        code: 'store_unavailable',
        retryAfter: '5',
      });
      expect(await readyStatus(gateway, 503)).toMatchObject({
        status: 'not_ready',
        parts: { store: { status: 'not_ready' } },
      });
      const response = hanging as http.ServerResponse | null;
      response?.writeHead(202, { 'content-type': 'application/json' }).end(accepted.body);
      // The outcome is tried again and again, and meanwhile the other four wait.
      while (failures(gateway) < 4) expect((await post(gateway, token, refused)).status).toBe(503);
      expect(destination.calls).toHaveLength(1);

      limitFileSize(gateway.pid, 'unlimited');
      await readyStatus(gateway, 200);
      expect(await post(gateway, token, refused)).toMatchObject({ status: 202, duplicate: false });
      const wanted = [...ids.slice(1), refused];
      await destination.until(({ acceptedIds }) => wanted.every((id) => acceptedIds.includes(id)));
      expect(await gateway.stop()).toBe(0);
      expect(destination.calls.map(({ id }) => id).sort()).toEqual([...ids, refused].sort());
    } finally {
      await gateway.kill();
    }
  },
  60_000,
);

test('a failed fsync: 503, and the process ends with code 1; started again, it has all that it had answered for', async () => {
  const trigger = join(folder, 'fsync-fails');
  const hook = join(__dirname, '../support/failing-fsync.js');
  const gateway = new GatewayProcess(
    settings('fsync', { NODE_OPTIONS: `--require ${hook}`, FAIL_FSYNC_WHILE: trigger }),
  );
  try {
    await gateway.start();
    const token = await tokenOf(gateway);
    const first = randomUUID();
    expect((await post(gateway, token, first)).status).toBe(202);
    await destination.until(({ acceptedIds }) => acceptedIds.includes(first));

    writeFileSync(trigger, '');
    const second = randomUUID();
    expect(await post(gateway, token, second)).toMatchObject({ status: 503, code: 'store_unavailable' });
    expect(await gateway.ended()).toBe(1);
    expect(gateway.lines.map(({ msg }) => msg)).toContain('gateway.fatal');
    expect(destination.acceptedIds).not.toContain(second);

    rmSync(trigger);
    expect(existsSync(trigger)).toBe(false);
    await gateway.start();
    const again = await tokenOf(gateway);
    expect(await post(gateway, again, first)).toMatchObject({ status: 202, duplicate: true });
    expect((await post(gateway, again, second)).status).toBe(202);
    await destination.until(({ acceptedIds }) => acceptedIds.includes(second));
    expect(await gateway.stop()).toBe(0);
  } finally {
    await gateway.kill();
  }
}, 60_000);
