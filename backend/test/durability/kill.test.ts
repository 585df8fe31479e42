import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { accepted, FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

const ROUNDS = process.env['LONG'] === '1' ? 500 : 10;
const CONNECTIONS = 16;
const SECRET = 'a-secret-of-the-tests-that-is-long-enough';

/** What the client knows: the ids that it was told are accepted. It lives outside the process that is killed. */
class ClientLog {
  readonly accepted = new Set<string>();
  private readonly waiting = new Map<number, () => void>();

  add(id: string): void {
    this.accepted.add(id);
    this.waiting.get(this.accepted.size)?.();
  }

  async size(count: number): Promise<void> {
    if (this.accepted.size < count) await new Promise<void>((resolve) => this.waiting.set(count, resolve));
  }
}

async function fetchToken(url: string): Promise<string> {
  const response = await fetch(`${url}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: 'marketing-dashboard' }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** Posts fresh events, one after the other, until the gateway is gone. */
async function postUntilGone(url: string, token: string, log: ClientLog): Promise<void> {
  for (;;) {
    const id = randomUUID();
    try {
      const response = await fetch(`${url}/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(purchase({ event_id: id })),
      });
      await response.arrayBuffer();
      if (response.status === 202) log.add(id);
    } catch {
      return;
    }
  }
}

test(
  `${String(ROUNDS)} rounds of kill -9 under load: whatever was answered 202 arrives, and every repeat carries the same bytes`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
    const destination = new FakeDestination();
    await destination.start();
    // Now and then it fails, so that there are retries under way when the process dies.
    destination.answering = (call) => (call % 7 === 3 ? { status: 503 } : accepted);
    const log = new ClientLog();
    const gateway = new GatewayProcess({
      JWT_SECRET: SECRET,
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
      ADEVENTSX_URL: destination.url,
      ADEVENTSX_API_KEY: 'key-1',
      RATE_LIMIT_PER_MINUTE: '10000000',
      ATTEMPT_TIMEOUT_MS: '1000',
      LEASE_MS: '2000',
      RETRY_BASE_MS: '20',
    });
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        await gateway.start();
        const token = await fetchToken(gateway.url);
        const target = log.accepted.size + 1 + ((round * 61) % 200);
        const clients = Array.from({ length: CONNECTIONS }, () => postUntilGone(gateway.url, token, log));
        await log.size(target);
        await gateway.kill();
        await Promise.all(clients);
      }
      await gateway.start();
      const missing = new Set(log.accepted);
      let seen = 0;
      await destination.until(({ acceptedIds }) => {
        for (; seen < acceptedIds.length; seen += 1) missing.delete(acceptedIds[seen] as string);
        return missing.size === 0;
      });
      expect(await gateway.stop()).toBe(0);

      const bodies = new Map<string, Set<string>>();
      for (const { id, body } of destination.calls) bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
      expect([...bodies].filter(([, distinct]) => distinct.size > 1)).toEqual([]);
      expect(log.accepted.size).toBeGreaterThan(ROUNDS);
    } finally {
      await gateway.kill();
      await destination.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  ROUNDS * 12_000 + 60_000,
);
