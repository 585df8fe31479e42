import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { fetchToken, postEvents } from '../load';
import { type BenchServer, processorMicroseconds, startServer } from '../processes';

const EVENTS = 30_000;
const CONNECTIONS = 64;

/** From the first post to the last delivery recorded, against the simulated AdEventsX that always takes. */
export async function deliverScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-deliver-'));
  const servers: BenchServer[] = [];
  try {
    const upstream = await startServer('mock-apis/server.js', 3912, '/health', { MOCK_PORT: '3912' });
    servers.push(upstream);
    const gateway = await startServer('backend/src/server.js', 3913, '/ready', {
      PORT: '3913',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: '10000000',
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
      ADEVENTSX_URL: `${upstream.url}/v1/conversions`,
      ADEVENTSX_API_KEY: 'dev-adeventsx-key',
    });
    servers.push(gateway);
    const token = await fetchToken(gateway.url);
    const cpuBefore = processorMicroseconds(gateway.pid);
    const started = performance.now();
    const posted = await postEvents({ url: gateway.url, token, connections: CONNECTIONS, amount: EVENTS });
    const accepted = performance.now();
    const received = await arrived(upstream.url, EVENTS);
    const seconds = (performance.now() - started) / 1000;
    const cpu = (processorMicroseconds(gateway.pid) - cpuBefore) / EVENTS;
    console.log(
      `  ${String(EVENTS)} events: accepted in ${((accepted - started) / 1000).toFixed(1)} s, all delivered after ${seconds.toFixed(1)} s`,
    );
    console.log(
      `  accept-to-delivered ${Math.round(EVENTS / seconds)}/s; calls received ${String(received.count)}, distinct ${String(received.distinct)}, failures ${String(posted.failures)}`,
    );
    console.log(`  processor time of the gateway per event, all threads: ${cpu.toFixed(0)} µs`);
  } finally {
    for (const server of servers.reverse()) await server.stop();
    rmSync(folder, { recursive: true });
  }
}

async function arrived(url: string, events: number): Promise<{ count: number; distinct: number }> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const response = await fetch(`${url}/v1/conversions?limit=1`);
    const received = (await response.json()) as { count: number; distinct: number };
    if (received.distinct >= events) return received;
    if (performance.now() > deadline)
      throw new Error(`only ${String(received.distinct)} of ${String(events)} events arrived in 120 s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
