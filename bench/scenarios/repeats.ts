import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { deliveredEvent, fetchToken, type LoadOptions, type LoadResult, median, postEvents } from '../load';
import { type BenchServer, freePort, processorMicroseconds, startServer } from '../processes';
import { CONNECTIONS } from '../side-by-side';

const ROUNDS = 7;
const ROUND_SECONDS = 2;
const OPERATOR = { clientId: 'operator', clientSecret: 'operator-dev-secret' };

type Post = (options: LoadOptions) => Promise<LoadResult>;

interface Row {
  readonly what: string;
  readonly server: BenchServer;
  readonly token: string;
  readonly post: Post;
  readonly perSecond: number[];
  readonly cpuMicroseconds: number[];
  failures: number;
}

/** Posting one delivered event over and over, with the idempotency cache and without it, next to posting new events. */
export async function repeatsScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-repeats-'));
  const servers: BenchServer[] = [];
  try {
    const rows = await start(folder, servers);
    // The first round warms both up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const row of rows) await measure(row, round > 0);
    }
    console.log(`  ${String(CONNECTIONS)} connections, medians of ${String(ROUNDS)} rounds in turns:`);
    for (const { what, perSecond, cpuMicroseconds, failures } of rows) {
      const cost = `${median(cpuMicroseconds).toFixed(0)} µs of processor time each`;
      console.log(`  ${what}: ${median(perSecond).toFixed(0)}/s, ${cost}, failures ${String(failures)}`);
    }
  } finally {
    for (const server of servers.reverse()) await server.stop();
    rmSync(folder, { recursive: true });
  }
}

async function start(folder: string, servers: BenchServer[]): Promise<Row[]> {
  const upstreamPort = await freePort();
  const upstream = await startServer('mock-apis/server.js', upstreamPort, '/health', {
    MOCK_PORT: String(upstreamPort),
  });
  servers.push(upstream);
  const rows: Row[] = [];
  for (const [name, size] of Object.entries({ 'without the cache': '0', 'with the cache': '50000' })) {
    const port = await freePort();
    const server = await startServer('backend/src/server.js', port, '/ready', {
      PORT: String(port),
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: '10000000',
      IDEMPOTENCY_CACHE_SIZE: size,
      STORE_URL: `sqlite:${join(folder, `gateway-${size}.db`)}`,
      ADEVENTSX_URL: `${upstream.url}/v1/conversions`,
      ADEVENTSX_API_KEY: 'dev-adeventsx-key',
    });
    servers.push(server);
    const token = await fetchToken(server.url, OPERATOR);
    const repeat = await deliveredEvent(server.url, token);
    await pause(server.url, token);
    const common = { server, token, failures: 0 };
    rows.push({ ...common, what: `first posts ${name}`, post: postEvents, perSecond: [], cpuMicroseconds: [] });
    rows.push({ ...common, what: `repeats ${name}`, post: repeat, perSecond: [], cpuMicroseconds: [] });
  }
  return rows;
}

/** So that accepting alone is measured. */
async function pause(url: string, token: string): Promise<void> {
  const { ok, status } = await fetch(`${url}/destinations/adeventsx/pause`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ reason: 'the bench measures accepting' }),
  });
  if (!ok) throw new Error(`pausing answered ${String(status)}`);
}

async function measure(row: Row, isCounted: boolean): Promise<void> {
  const { server, token, post } = row;
  const before = processorMicroseconds(server.pid);
  const options = { url: server.url, token, connections: CONNECTIONS, seconds: ROUND_SECONDS };
  const { perSecond, total, failures } = await post(options);
  if (!isCounted) return;
  row.perSecond.push(perSecond);
  row.cpuMicroseconds.push((processorMicroseconds(server.pid) - before) / total);
  row.failures += failures;
}
