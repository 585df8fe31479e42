import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { fetchToken, postEvents } from '../load';
import { type BenchServer, freePort, processorMicroseconds, startServer } from '../processes';

const EVENTS = 20_000;
const WARM_UP_EVENTS = 4_000;
const PER_BATCH = 200;
const OPERATOR = { clientId: 'operator', clientSecret: 'operator-dev-secret' };

interface Bench {
  readonly gateway: BenchServer;
  readonly upstream: BenchServer;
  readonly token: string;
  /** Events posted so far. */
  posted: number;
}

/** Posts this many events to the gateway; resolves when all are accepted. */
type Feed = (bench: Bench, events: number) => Promise<void>;

const singly: Feed = (bench, events) => post(bench, { connections: 64, amount: events });

const inBatches: Feed = (bench, events) =>
  post(bench, { connections: 4, amount: events / PER_BATCH, eventsPerRequest: PER_BATCH });

/**
 * From the first post to the last event received by the simulated AdEventsX that always takes; then
 * the delivering alone, of events that were accepted while the destination was paused. The load,
 * the gateway and the simulator share the machine: the processor time of each is told, since it is
 * what a quieter or larger machine would be busy with.
 */
export async function deliverScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-deliver-'));
  const servers: BenchServer[] = [];
  try {
    const bench = await start(folder, servers);
    await inBatches(bench, WARM_UP_EVENTS);
    await received(bench);
    await measure('posted one at a time, 64 connections', bench, singly);
    await measure(`posted in batches of ${String(PER_BATCH)}, 4 connections`, bench, inBatches);

    await operate(bench, 'pause', { reason: 'the bench fills the backlog' });
    await inBatches(bench, EVENTS);
    // What was on its way when the pause began has arrived by then.
    await sleep(1_000);
    await measure('accepted before, delivered only', bench, () => operate(bench, 'resume', {}));
  } finally {
    for (const server of servers.reverse()) await server.stop();
    rmSync(folder, { recursive: true });
  }
}

async function start(folder: string, servers: BenchServer[]): Promise<Bench> {
  const upstreamPort = await freePort();
  const upstream = await startServer('mock-apis/server.js', upstreamPort, '/health', {
    MOCK_PORT: String(upstreamPort),
  });
  servers.push(upstream);
  const port = await freePort();
  const gateway = await startServer('backend/src/server.js', port, '/ready', {
    PORT: String(port),
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: '10000000',
    STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    ADEVENTSX_URL: `${upstream.url}/v1/conversions`,
    ADEVENTSX_API_KEY: 'dev-adeventsx-key',
  });
  servers.push(gateway);
  return { gateway, upstream, token: await fetchToken(gateway.url, OPERATOR), posted: 0 };
}

async function measure(name: string, bench: Bench, feed: Feed): Promise<void> {
  const { gateway, upstream } = bench;
  const processes = { gateway: gateway.pid, simulator: upstream.pid, load: process.pid };
  const used = () => Object.values(processes).map(processorMicroseconds);
  const before = used();
  const started = performance.now();
  await feed(bench, EVENTS);
  const fed = (performance.now() - started) / 1000;
  const counts = await received(bench);
  const seconds = (performance.now() - started) / 1000;
  const each = used().map((now, index) => Math.round((now - (before[index] ?? 0)) / EVENTS));
  const costs = Object.keys(processes).map((who, index) => `${who} ${String(each[index])} µs`);
  console.log(
    `  ${name}: ${Math.round(EVENTS / seconds)}/s (${String(EVENTS)} events, fed in ${fed.toFixed(1)} s, all received after ${seconds.toFixed(1)} s)`,
  );
  console.log(
    `    processor time per event, all threads: ${costs.join(', ')}; load average ${loadavg()[0]?.toFixed(1)}`,
  );
  if (counts.count !== counts.distinct) throw new Error(`${String(counts.count - counts.distinct)} events came twice`);
}

async function post(
  bench: Bench,
  options: { readonly connections: number; readonly amount: number; readonly eventsPerRequest?: number },
): Promise<void> {
  const { failures } = await postEvents({ url: bench.gateway.url, token: bench.token, ...options });
  if (failures > 0) throw new Error(`${String(failures)} requests failed`);
  bench.posted += options.amount * (options.eventsPerRequest ?? 1);
}

async function operate({ gateway, token }: Bench, verb: 'pause' | 'resume', body: object): Promise<void> {
  const response = await fetch(`${gateway.url}/destinations/adeventsx/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${verb} answered ${String(response.status)}: ${await response.text()}`);
}

/** Resolves when the simulator has every event posted so far. */
async function received({ upstream, posted }: Bench): Promise<{ count: number; distinct: number }> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const response = await fetch(`${upstream.url}/v1/conversions?limit=1`);
    const counts = (await response.json()) as { count: number; distinct: number };
    if (counts.distinct >= posted) return counts;
    if (performance.now() > deadline)
      throw new Error(`only ${String(counts.distinct)} of ${String(posted)} events arrived in 120 s`);
    await sleep(50);
  }
}
