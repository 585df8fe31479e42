import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EventStore } from '../../src/interfaces/event-store';
import { openVerifiable } from '../contract/sqlite-files';
import { faultsOf } from '../contract/store-fixtures';
import { EventClient } from '../support/event-client';
import { accepted, FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { seededRandom, type SeededRandom } from '../support/seeded-random';

const ROUNDS = process.env['LONG'] === '1' ? 500 : 10;
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const CONNECTIONS = 16;
/** About how long a start takes, the opening and migrating of the store in its second half. */
const START_MS = 900;

const folder = mkdtempSync(join(tmpdir(), 'sluice-kill-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (name: string, more: Record<string, string> = {}) => ({
  JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
  STORE_URL: `sqlite:${join(folder, name, 'gateway.db')}`,
  RATE_LIMIT_PER_MINUTE: '10000000',
  ...more,
});

const openStoreOf = (name: string): Promise<EventStore> => openVerifiable({ path: join(folder, name, 'gateway.db') });

/** Kills it at some moment of its start. Not a wait for anything: the moment is what the dice decide. */
async function killWhileStarting(gateway: GatewayProcess, random: SeededRandom): Promise<void> {
  gateway.spawn();
  await new Promise((resolve) => setTimeout(resolve, random.next() * START_MS));
  await gateway.kill();
}

/** What the destination saw more than once must be explained by the attempts on record, each repeat by one of them. */
async function explainRepeats(store: EventStore, destination: FakeDestination): Promise<Record<string, number>> {
  const takenTimes = new Map<string, number>();
  for (const id of destination.acceptedIds) takenTimes.set(id, (takenTimes.get(id) ?? 0) + 1);
  const reasons: Record<string, number> = {};
  for (const [eventId, times] of takenTimes) {
    if (times === 1) continue;
    const attempts = (await store.events.attempts({ clientId: 'marketing-dashboard', eventId })) ?? [];
    const explained = attempts.flatMap(({ possibleDuplicate }) => possibleDuplicate ?? []);
    if (explained.length < times - 1) {
      throw new Error(`${eventId} was taken ${String(times)} times: ${JSON.stringify(attempts)}`);
    }
    for (const reason of explained) reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return reasons;
}

test(
  `${String(ROUNDS)} rounds of kill -9, seed ${String(SEED)}: what was answered 202 arrives, a repeat has its reason and the same bytes, points add up`,
  async () => {
    const random = seededRandom(SEED);
    const destination = new FakeDestination();
    await destination.start();
    // Now and then it fails, so that there are retries under way when the process dies.
    destination.answering = (call) => (call % 7 === 3 ? { status: 503 } : accepted);
    const client = new EventClient();
    const gateway = new GatewayProcess(
      settings('load', {
        ADEVENTSX_URL: destination.url,
        ADEVENTSX_API_KEY: 'key-1',
        ATTEMPT_TIMEOUT_MS: '1000',
        LEASE_MS: '2000',
        RETRY_BASE_MS: '20',
      }),
    );
    try {
      for (let round = 1; round <= ROUNDS; round += 1) {
        if (round % 3 === 0) await killWhileStarting(gateway, random);
        await gateway.start();
        await client.connect(gateway.url);
        const load = Array.from({ length: CONNECTIONS }, () => client.postUntilGone());
        await client.untilAccepted(client.accepted.size + 1 + Math.floor(random.next() * 200));
        await gateway.kill();
        await Promise.all(load);
        if (round % 50 === 0) process.stdout.write(`kill -9: round ${String(round)}\n`);
      }
      await gateway.start();
      const missing = new Set(client.accepted);
      let seen = 0;
      await destination.until(({ acceptedIds }) => {
        for (; seen < acceptedIds.length; seen += 1) missing.delete(acceptedIds[seen] as string);
        return missing.size === 0;
      });
      expect(await gateway.stop()).toBe(0);

      const bodies = new Map<string, Set<string>>();
      for (const { id, body } of destination.calls) bodies.set(id, (bodies.get(id) ?? new Set()).add(body));
      expect([...bodies].filter(([, distinct]) => distinct.size > 1)).toEqual([]);
      expect(client.accepted.size).toBeGreaterThan(ROUNDS);

      const store = await openStoreOf('load');
      try {
        const repeats = await explainRepeats(store, destination);
        if (ROUNDS > 10) process.stdout.write(`kill -9: repeats by reason ${JSON.stringify(repeats)}\n`);
        // Among other things, that the points are what a recount of the events gives.
        expect(await faultsOf(store)).toEqual([]);
        const [points] = await store.events.points('user-1');
        const counts = await store.deliveries.countByStatus();
        expect(points?.count).toBe(counts.reduce((sum, { count }) => sum + count, 0));
        expect(points?.count).toBeGreaterThanOrEqual(client.accepted.size);
      } finally {
        await store.upkeep.close();
      }
    } finally {
      await gateway.kill();
      await destination.stop();
    }
  },
  ROUNDS * 15_000 + 60_000,
);

test(
  `${String(ROUNDS)} first starts, killed while the store is made and migrated, seed ${String(SEED)}: the next start works`,
  async () => {
    const random = seededRandom(SEED + 1);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const name = `start-${String(round)}`;
      const gateway = new GatewayProcess(settings(name));
      try {
        await killWhileStarting(gateway, random);
        // Every third time the start is really tried with the whole service; the store's part of it always.
        if (round % 3 === 0) {
          await gateway.start();
          expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
          expect(await gateway.stop()).toBe(0);
        }
        const store = await openStoreOf(name);
        expect(await faultsOf(store)).toEqual([]);
        await store.upkeep.check();
        await store.upkeep.close();
      } finally {
        await gateway.kill();
        rmSync(join(folder, name), { recursive: true, force: true });
      }
      if (round % 50 === 0) process.stdout.write(`killed first start: round ${String(round)}\n`);
    }
  },
  ROUNDS * 15_000 + 60_000,
);
