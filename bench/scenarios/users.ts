import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { BatchMetadata, UserSummary } from '../../backend/src/types/user';
import { fetchToken, getPath } from '../load';
import { PlainAggregator, type PlainPolicy } from '../plain-aggregator';
import { type BenchServer, startServer } from '../processes';
import { CONNECTIONS, ROUND_SECONDS, sideBySide } from '../side-by-side';
import { type BatchesPlan, freshUsers, isCompleteUser, percentile, runBatches, show } from '../user-batches';

const SOURCES = 3;
const UPSTREAM_PORT = 3914;
const GATEWAY_PORT = 3915;
const BARE_PORT = 3916;
const usual = { failRate: null, delayMs: null, slowRate: 0 };

/** The gateway, the simulated user API behind it, and the questions that are put to both. */
class UserBench {
  constructor(
    readonly gateway: string,
    readonly upstream: string,
    private readonly token: string,
  ) {}

  async set(userApi: object): Promise<void> {
    const response = await fetch(`${this.upstream}/_control`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ userApi }),
    });
    if (!response.ok) throw new Error(`the settings were refused: ${await response.text()}`);
  }

  async calls(): Promise<Record<string, number>> {
    const response = await fetch(`${this.upstream}/_counters`);
    const { userApi } = (await response.json()) as { userApi: Record<string, { calls: number }> };
    return Object.fromEntries(Object.entries(userApi).map(([source, { calls }]) => [source, calls]));
  }

  async callsDuring(work: () => Promise<void>): Promise<Record<string, number>> {
    const before = await this.calls();
    await work();
    const after = await this.calls();
    return Object.fromEntries(Object.entries(after).map(([source, calls]) => [source, calls - (before[source] ?? 0)]));
  }

  post(userIds: readonly string[], more: object = {}, accept = 'application/json'): Promise<Response> {
    return fetch(`${this.gateway}/users/batch-info`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}`, accept },
      body: JSON.stringify({ userIds, includeAnalytics: true, ...more }),
    });
  }

  readonly batch = async (userIds: readonly string[], more: object = {}) => {
    const response = await this.post(userIds, more);
    const { results = [] } = (await response.json()) as { results?: UserSummary[] };
    return { complete: results.filter(isCompleteUser).length, status: response.status, results };
  };

  /** Runs the batches through the gateway and prints what came of them. */
  async measure(what: string, plan: BatchesPlan): Promise<void> {
    const before = await this.calls();
    const result = await runBatches(plan, (ids) => this.batch(ids));
    const ratio = (sum(await this.calls()) - sum(before)) / (result.users * SOURCES);
    console.log(`  ${what}: ${show(result, ratio)}; statuses ${JSON.stringify(result.statuses)}`);
  }

  async measurePlain(policy: PlainPolicy, plan: BatchesPlan): Promise<void> {
    const plain = new PlainAggregator(this.upstream, policy);
    const before = await this.calls();
    const result = await runBatches(plan, async (ids) => ({ complete: await plain.batch(ids), status: 200 }));
    const ratio = (sum(await this.calls()) - sum(before)) / (result.users * SOURCES);
    console.log(`  … plain, ${policy}: ${show(result, ratio)}`);
    plain.close();
  }
}

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

async function usualFailures(bench: UserBench): Promise<void> {
  const plan = { batches: 200, size: 5, atATime: 4 };
  await bench.measure('warming up', { ...plan, batches: 40 });
  await bench.measure('200 batches of 5, 4 at a time, 10 % failures', plan);
  await bench.measurePlain('no retry', plan);
  await bench.measurePlain('retry after 1, 2, 4 s', plan);
  await bench.measure('20 batches of 50, one at a time', { batches: 20, size: 50, atATime: 1 });
}

async function streamed(bench: UserBench): Promise<void> {
  const startedAt = performance.now();
  const response = await bench.post(freshUsers(1000), {}, 'application/x-ndjson');
  let firstLineMs = 0;
  let text = '';
  for await (const chunk of response.body ?? []) {
    if (firstLineMs === 0) firstLineMs = performance.now() - startedAt;
    text += Buffer.from(chunk as Uint8Array).toString('utf8');
  }
  const lines = text.trim().split('\n');
  const { metadata } = JSON.parse(lines.pop() ?? '{}') as { metadata: BatchMetadata };
  const complete = lines.filter((line) => isCompleteUser(JSON.parse(line) as UserSummary)).length;
  console.log(
    `  1000 users streamed: first line after ${firstLineMs.toFixed(0)} ms, all after ${(metadata.processingTimeMs / 1000).toFixed(1)} s, ${((100 * complete) / 1000).toFixed(2)} % complete`,
  );
}

async function outages(bench: UserBench): Promise<void> {
  const plan = { batches: 60, size: 5, atATime: 4 };
  const warm = freshUsers(20);
  await bench.batch(warm);
  await bench.set({ postsFailRate: 1 });
  const calls = await bench.callsDuring(() => bench.measure('posts are down', plan));
  console.log(
    `  … calls of posts while down: ${String(calls['posts'])}, where ${String(plan.batches * plan.size)} are normal`,
  );
  await bench.set({ postsFailRate: 0.1 });
  const downAt = performance.now();
  const probes = await bench.callsDuring(async () => {
    for (;;) {
      const { complete } = await bench.batch(freshUsers(1));
      if (complete === 1) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  console.log(
    `  … recovered ${((performance.now() - downAt) / 1000).toFixed(1)} s after the source, calls of posts until then: ${String(probes['posts'])}`,
  );
  await bench.set({ failRate: 1 });
  await bench.measure('all are down', plan);
  const { results, status } = await bench.batch(warm, { maxAge: 0 });
  const stale = results.filter(({ sources }) => sources.profile.status === 'stale').length;
  console.log(
    `  … of 20 users that the cache knew: status ${String(status)}, ${String(stale)} answered and marked stale`,
  );
  await bench.set(usual);
}

async function settled(bench: UserBench): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (let inARow = 0; inARow < 5 && performance.now() < deadline;) {
    inARow = (await bench.batch(freshUsers(2))).complete === 2 ? inARow + 1 : 0;
  }
}

async function sameUser(bench: UserBench): Promise<void> {
  await bench.set({ failRate: 0 });
  const [userId = ''] = freshUsers(1);
  const times: number[] = [];
  const calls = await bench.callsDuring(async () => {
    const ask = async (): Promise<void> => {
      const startedAt = performance.now();
      await bench.batch([userId]);
      times.push(performance.now() - startedAt);
    };
    await Promise.all(Array.from({ length: 100 }, ask));
  });
  console.log(`  100 callers, one user: calls ${JSON.stringify(calls)}, p99 ${String(percentile(times, 0.99))} ms`);
  await bench.set(usual);
}

/** A user whose parts are all cached, next to Express that answers with the very same object. */
async function cached(bench: UserBench, gateway: BenchServer, token: string): Promise<void> {
  const path = '/users/user1/summary?includeAnalytics=true&maxAge=3600';
  await bench.batch(['user1']);
  const answer = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const env = { PORT: String(BARE_PORT), SUMMARY: await answer.text() };
  const bare = await startServer('bench/bare-express.js', BARE_PORT, '/health', env);
  try {
    await sideBySide('a cached user', gateway, bare, (url) =>
      getPath({ url, token, connections: CONNECTIONS, seconds: ROUND_SECONDS }, path),
    );
  } finally {
    await bare.stop();
  }
}

/**
 * Questions about users, put to the gateway in front of sources that take 100–600 ms and fail one
 * call in ten.
 */
export async function usersScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-users-'));
  const servers: BenchServer[] = [];
  try {
    const upstream = await startServer('mock-apis/server.js', UPSTREAM_PORT, '/health', {
      MOCK_PORT: String(UPSTREAM_PORT),
      MOCK_USER_SYNTHETIC_USERS: 'true',
    });
    servers.push(upstream);
    const gateway = await startServer('backend/src/server.js', GATEWAY_PORT, '/ready', {
      PORT: String(GATEWAY_PORT),
      LOG_LEVEL: 'error',
      RATE_LIMIT_PER_MINUTE: '10000000',
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
      USER_API_URL: upstream.url,
    });
    servers.push(gateway);
    const token = await fetchToken(gateway.url);
    const bench = new UserBench(gateway.url, upstream.url, token);
    await usualFailures(bench);
    await streamed(bench);
    await bench.set({ slowRate: 0.03, slowDelayMs: [2000, 5000] });
    await bench.measure('3 % of the calls 2–5 s slower, 200 batches of 5', { batches: 200, size: 5, atATime: 4 });
    await bench.set(usual);
    await sameUser(bench);
    await outages(bench);
    await settled(bench);
    await cached(bench, gateway, token);
  } finally {
    for (const server of servers.reverse()) await server.stop();
    rmSync(folder, { recursive: true });
  }
}
