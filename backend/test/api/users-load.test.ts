import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createMockApis } from '../../../mock-apis/mock-apis';
import { createUsers, type Users } from '../../src/gateway';
import { loadConfig } from '../../src/config/config';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { PrometheusMetrics } from '../../src/external-services/metrics/prometheus-metrics';
import { UpstreamMetrics } from '../../src/services/operations/gateway-metrics';
import { createLogger } from '../../src/logger';
import { seededRandom } from '../support/seeded-random';

/** An hour of load in short: everything that goes wrong does, all the time, and nothing may pile up. LONG=1 makes it ten minutes. */
const loadMs = process.env.LONG === '1' ? 600_000 : 8_000;
const workers = 8;
const knownUsers = 2_000;
const poolSize = 50;
const megabyte = 2 ** 20;

/** What is still held after a collection: what a process has taken from the machine says more of its haste than of its leaks. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const sockets = (): number => process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length;

/** One client after another: most wait for their answer, some leave before it comes. */
async function clients(users: Users, seed: number, until: number, seen: { batches: number; mostSockets: number }) {
  const dice = seededRandom(seed);
  while (performance.now() < until) {
    const userIds = Array.from({ length: 5 }, () => `u${Math.floor(dice.next() * knownUsers)}`);
    const gone = new AbortController();
    const leaving = dice.next() < 0.1 ? setTimeout(() => gone.abort('client_gone'), dice.next() * 5) : undefined;
    const maxAgeMs = dice.next() < 0.5 ? 0 : null;
    const request = { userIds, includeAnalytics: true, maxAgeMs };
    const asked = users.batch?.processBatchUsers(request, { requestId: 'load', signal: gone.signal });
    await asked?.catch((error: unknown) => expect(String(error)).toMatch(/client_gone|upstream_/));
    clearTimeout(leaving);
    seen.batches += 1;
    seen.mostSockets = Math.max(seen.mostSockets, sockets());
  }
}

it(
  'keeps memory and sockets bounded under faults, and leaves no rejection unhandled',
  async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): unknown => unhandled.push(reason);
    process.on('unhandledRejection', note);
    const userApi = { delayMs: [0, 3], failRate: 0.1, dropRate: 0.02, hangRate: 0.002, syntheticUsers: true } as const;
    const upstreams = createMockApis({ port: 0, userApi });
    const { url } = await upstreams.start();
    const config = loadConfig({ NODE_ENV: 'test', JWT_SECRET: 'x'.repeat(40), USER_API_URL: url });
    const users = createUsers(config, {
      runtime: systemRuntime,
      log: createLogger('silent'),
      counts: new UpstreamMetrics(new PrometheusMetrics()),
    });
    const seen = { batches: 0, mostSockets: 0 };
    const run = (ms: number): Promise<unknown> => {
      const until = performance.now() + ms;
      return Promise.all(Array.from({ length: workers }, (_, seed) => clients(users, seed, until, seen)));
    };
    try {
      // Until the code is compiled and the cache knows every user, memory grows as it should.
      await run(loadMs / 2);
      const before = heldBytes();
      await run(loadMs / 2);
      const grownBy = heldBytes() - before;
      expect(seen.batches).toBeGreaterThan(100);
      expect(grownBy).toBeLessThan(16 * megabyte);
      // Both ends of each connection are in this process.
      expect(seen.mostSockets).toBeLessThanOrEqual(2 * 3 * poolSize + 20);
      for (const { maxInFlight } of Object.values(upstreams.counters().userApi)) {
        expect(maxInFlight).toBeLessThanOrEqual(poolSize);
      }
    } finally {
      await users.stop();
      await upstreams.stop();
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  },
  loadMs * 3 + 20_000,
);
