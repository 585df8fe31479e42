import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { fetchToken, type LoadResult, median, postEvents } from '../load';
import { type BenchServer, processorMicroseconds, startServer } from '../processes';

const ROUNDS = 3;
const SECONDS = 5;
const CONNECTIONS = 64;

interface Round extends LoadResult {
  /** Processor time per request. */
  readonly cpuMicroseconds: number;
}

async function measure(server: BenchServer, token: string): Promise<Round> {
  const before = processorMicroseconds(server.pid);
  const result = await postEvents({ url: server.url, token, connections: CONNECTIONS, seconds: SECONDS });
  const used = processorMicroseconds(server.pid) - before;
  return { ...result, cpuMicroseconds: used / result.total };
}

/** Posting events one at a time: the gateway, every answer after its fsync, next to Express that only parses and answers. */
export async function acceptScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-accept-'));
  const servers: BenchServer[] = [];
  try {
    const bare = await startServer('bench/bare-express.js', 3910, '/health', { PORT: '3910' });
    servers.push(bare);
    const gateway = await startServer('backend/src/server.js', 3911, '/ready', {
      PORT: '3911',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: '10000000',
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    });
    servers.push(gateway);
    const token = await fetchToken(gateway.url);
    const rounds: { bare: Round; gateway: Round }[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const result = {
        bare: await measure(bare, token),
        gateway: await measure(gateway, token),
      };
      // The first round warms both up.
      if (round > 0) rounds.push(result);
    }
    const failures = rounds.reduce((sum, round) => sum + round.bare.failures + round.gateway.failures, 0);
    const show = (name: 'bare' | 'gateway') =>
      `${Math.round(median(rounds.map((round) => round[name].perSecond)))}/s (p99 ${String(median(rounds.map((round) => round[name].p99Ms)))} ms)`;
    const ratio = median(rounds.map((round) => round.gateway.perSecond / round.bare.perSecond));
    console.log(
      `  POST /events over ${String(CONNECTIONS)} connections: gateway ${show('gateway')}, bare Express ${show('bare')}`,
    );
    const cpu = (name: 'bare' | 'gateway') => median(rounds.map((round) => round[name].cpuMicroseconds));
    const cpuRatio = median(rounds.map((round) => round.bare.cpuMicroseconds / round.gateway.cpuMicroseconds));
    console.log(
      `  processor time per request, all threads: gateway ${cpu('gateway').toFixed(0)} µs, bare Express ${cpu('bare').toFixed(0)} µs, ratio ${cpuRatio.toFixed(2)}`,
    );
    console.log(`  ratio ${ratio.toFixed(2)}, failures ${String(failures)}`);
  } finally {
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true });
  }
}
