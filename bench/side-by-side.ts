import { type LoadResult, median } from './load';
import { type BenchServer, processorMicroseconds } from './processes';

/** Many short rounds, in turns: on a shared machine what else runs then weighs on both alike. */
const ROUNDS = 7;
export const ROUND_SECONDS = 3;
export const CONNECTIONS = 64;

interface Round extends LoadResult {
  /** Processor time per request, of all threads. */
  readonly cpuMicroseconds: number;
}

type Load = (url: string) => Promise<LoadResult>;

async function measure(server: BenchServer, load: Load): Promise<Round> {
  const before = processorMicroseconds(server.pid);
  const result = await load(server.url);
  return { ...result, cpuMicroseconds: (processorMicroseconds(server.pid) - before) / result.total };
}

/**
 * Puts the same load on the gateway and on bare Express, in turns, and prints the medians of both
 * and of their ratios.
 */
export async function sideBySide(what: string, gateway: BenchServer, bare: BenchServer, load: Load): Promise<void> {
  const rounds: { readonly bare: Round; readonly gateway: Round }[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const result = { bare: await measure(bare, load), gateway: await measure(gateway, load) };
    // The first round warms both up.
    if (round > 0) rounds.push(result);
  }
  const of = (name: 'bare' | 'gateway', read: (round: Round) => number) =>
    median(rounds.map((round) => read(round[name])));
  const rate = (name: 'bare' | 'gateway') =>
    `${of(name, ({ perSecond }) => perSecond).toFixed(0)}/s (p99 ${String(of(name, ({ p99Ms }) => p99Ms))} ms)`;
  const cpu = (name: 'bare' | 'gateway') => `${of(name, ({ cpuMicroseconds }) => cpuMicroseconds).toFixed(0)} µs`;
  const ratio = median(rounds.map((round) => round.gateway.perSecond / round.bare.perSecond));
  const cpuRatio = median(rounds.map((round) => round.bare.cpuMicroseconds / round.gateway.cpuMicroseconds));
  const failures = rounds.reduce((sum, round) => sum + round.bare.failures + round.gateway.failures, 0);
  console.log(`  ${what} over ${String(CONNECTIONS)} connections, medians of ${String(ROUNDS)} rounds:`);
  console.log(`  gateway ${rate('gateway')}, bare Express ${rate('bare')}, ratio ${ratio.toFixed(2)}`);
  console.log(
    `  processor time per request, all threads: gateway ${cpu('gateway')}, bare Express ${cpu('bare')}, ratio ${cpuRatio.toFixed(2)}`,
  );
  console.log(`  failures ${String(failures)}`);
}
