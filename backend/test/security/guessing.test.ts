import { createHash, randomBytes } from 'node:crypto';

import type { Log } from '../../src/interfaces/log';
import { AuthService } from '../../src/services/auth/auth-service';
import { ClientRegistry } from '../../src/services/auth/client-registry';
import { FailureLimiter } from '../../src/services/auth/failure-limiter';
import type { TokenService } from '../../src/services/auth/token-service';
import { seededRandom } from '../support/seeded-random';
import { SimulatedRuntime } from '../support/simulated-runtime';

const SECRET = 'the-right-secret';
const silent = { debug: () => undefined, warn: () => undefined } as Partial<Log> as Log;

function build() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const secretDigests = [createHash('sha256').update(SECRET).digest()];
  const clients = new ClientRegistry([{ id: 'known-client', isPublic: false, secretDigests, scopes: ['events:read'] }]);
  const tokens = { issue: () => ({}) } as unknown as TokenService;
  return { runtime, auth: new AuthService({ clients, tokens, failures: new FailureLimiter(runtime), log: silent }) };
}

test('of 10 000 wrong secrets ten a minute are tried, and the right one is not found among the others', () => {
  const { runtime, auth } = build();
  const counts = { granted: 0, refused: 0, limited: 0, scope_refused: 0 };
  // A hundred a second: 100 s, so two minutes begin.
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const clientSecret = attempt % 1000 === 500 ? SECRET : `guess-${String(attempt)}`;
    counts[auth.grant({ clientId: 'known-client', secrets: [clientSecret], address: '192.0.2.1' }).kind] += 1;
    runtime.stall(10);
  }
  expect(counts).toEqual({ granted: 0, refused: 20, limited: 9_980, scope_refused: 0 });
  expect(auth.grant({ clientId: 'known-client', secrets: [SECRET], address: '192.0.2.2' }).kind).toBe('granted');
});

/** Welch's t between two samples, after what took longer than nine in ten is left out of both (interruptions, not the work). */
function welch(one: readonly number[], other: readonly number[]): number {
  const pooled = [...one, ...other].sort((a, b) => a - b);
  const limit = pooled[Math.floor(pooled.length * 0.9)] ?? Infinity;
  const moments = (values: readonly number[]) => {
    const kept = values.filter((value) => value <= limit);
    const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
    const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1);
    return { mean, error: variance / kept.length };
  };
  const [a, b] = [moments(one), moments(other)];
  return (a.mean - b.mean) / Math.sqrt(a.error + b.error);
}

test('how long a refusal takes does not tell an unknown client from a wrong secret', () => {
  const { auth } = build();
  const order = seededRandom(1);
  const samples: Record<'known-client' | 'other-client', number[]> = { 'known-client': [], 'other-client': [] };
  for (let attempt = 0; attempt < 22_000; attempt += 1) {
    const clientId = order.next() < 0.5 ? 'known-client' : 'other-client';
    const clientSecret = randomBytes(24).toString('hex');
    const address = `10.${String(attempt % 251)}.${String((attempt >> 8) % 251)}.${String(attempt % 249)}`;
    const startedAt = process.hrtime.bigint();
    auth.grant({ clientId, secrets: [clientSecret], address });
    const took = Number(process.hrtime.bigint() - startedAt);
    // The first ones warm the code up.
    if (attempt >= 2_000) samples[clientId].push(took);
  }
  const t = welch(samples['known-client'], samples['other-client']);
  console.info(`unknown client against wrong secret, 10 000 each: t = ${t.toFixed(2)}`);
  expect(Math.abs(t)).toBeLessThan(4.5);
});
