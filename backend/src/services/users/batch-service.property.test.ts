import fc from 'fast-check';

import { MapCache } from '../../../test/support/map-cache';
import { seededRandom } from '../../../test/support/seeded-random';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import type { BatchRequest, UserSummary } from '../../types/user';
import { BatchService } from './batch-service';
import { isComplete } from './user-summary';
import type { SourceAnswer, SourceCall } from './source-retry';

const numRuns = process.env.LONG === '1' ? 20_000 : 300;
const deadlineMs = 1_400;

/** Sources that answer, deny, fail or hang as the dice say; `begun` counts the users whose profile was asked for. */
function serviceWith(seed: number) {
  const runtime = new SimulatedRuntime({ seed });
  const dice = seededRandom(seed);
  const seen = { begun: 0, inFlight: 0 };
  const answer = async <T>(value: T, { signal }: SourceCall): Promise<SourceAnswer<T>> => {
    const fate = dice.next();
    seen.inFlight += 1;
    await runtime.sleep(fate > 0.95 ? 60_000 : dice.next() * 600, signal);
    seen.inFlight -= 1;
    if (signal.aborted) return { kind: 'failed', code: 'cancelled', attempts: 1 };
    if (fate > 0.85) return { kind: 'failed', code: 'http_503', attempts: 4 };
    if (fate > 0.75) return { kind: 'absent', attempts: 2 };
    return { kind: 'found', value, attempts: 1 };
  };
  const at = '2024-01-01T00:00:00.000Z';
  const service = new BatchService({
    runtime,
    cache: new MapCache(runtime),
    deadlineMs,
    sources: {
      profile: (id, call) => {
        seen.begun += 1;
        return answer({ id, name: id, email: '', joinedAt: at, status: 'active' }, call);
      },
      posts: (_id, call) => answer({ total: 1, newestAt: at }, call),
      analytics: (_id, call) => answer({ avgEngagement: 1, lastActiveAt: at }, call),
    },
  });
  return { runtime, service, seen };
}

const caller = () => ({ requestId: 'r', signal: new AbortController().signal });
const requests = fc.record({
  userIds: fc.array(
    fc.integer({ min: 0, max: 12 }).map((number) => `u${number}`),
    { maxLength: 20 },
  ),
  includeAnalytics: fc.boolean(),
  maxAgeMs: fc.constantFrom(null, 0, 5_000),
});

function assertSummary({ profile, summary, error, sources }: UserSummary, { includeAnalytics }: BatchRequest): void {
  expect(summary === null).toBe(profile === null);
  expect(error === undefined).toBe(profile !== null);
  expect(['missing', 'failed'].includes(sources.profile.status)).toBe(profile === null);
  expect(sources.analytics.status === 'skipped').toBe(!includeAnalytics);
}

describe('BatchService, whatever the sources do', () => {
  it('answers in the order of the request, once for each id, by the deadline, and counts right', async () => {
    let partial = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 32 }), requests, async (seed, request) => {
        const { runtime, service, seen } = serviceWith(seed);
        const ids = [...new Set(request.userIds)];
        const answered = await runtime.until(
          service.processBatchUsers(request, caller()).catch((error: unknown) => {
            expect(String(error)).toMatch(/upstream_(failed|timeout)/);
            return null;
          }),
        );
        expect(runtime.monotonic()).toBeLessThanOrEqual(deadlineMs);
        await runtime.advance(0);
        expect([seen.inFlight, runtime.pendingTimers]).toEqual([0, 0]);
        if (answered === null) {
          refused += 1;
          expect(ids).not.toHaveLength(0);
          return;
        }
        const { results, metadata } = answered;
        expect(results.map(({ userId }) => userId)).toEqual(ids);
        expect(metadata.totalProcessed).toBe(ids.length);
        expect(metadata.successful + metadata.failed).toBe(metadata.totalProcessed);
        expect(metadata.failed).toBe(results.filter(({ profile }) => profile === null).length);
        expect(answered.isComplete).toBe(results.every(isComplete));
        if (!answered.isComplete) partial += 1;
        for (const result of results) assertSummary(result, request);
      }),
      { numRuns },
    );
    expect([partial > 0, refused > 0]).toEqual([true, true]);
  }, 120_000);

  it('streams each user once, never working ahead of the reader by more than a window', async () => {
    const { runtime, service, seen } = serviceWith(7);
    const userIds = Array.from({ length: 500 }, (_, index) => `u${index % 400}`);
    const users = service.streamBatchUsers({ userIds, includeAnalytics: true, maxAgeMs: null }, caller());
    const read: string[] = [];
    let step = await runtime.until(users.next());
    // Few at first, before it is known how quick everything is.
    expect(seen.begun).toBeLessThanOrEqual(10);
    for (; step.done !== true; step = await runtime.until(users.next())) {
      read.push(step.value.userId);
      // A reader that is slow at first.
      if (read.length < 20) await runtime.advance(5_000);
      expect(seen.begun).toBeLessThanOrEqual(read.length + 40);
    }
    expect(new Set(read)).toEqual(new Set(userIds));
    expect(read).toHaveLength(400);
    expect(step.value).toMatchObject({ totalProcessed: 400 });
    expect(step.value.successful + step.value.failed).toBe(400);
  });

  it('ends what is in flight when the reader leaves', async () => {
    const { runtime, service, seen } = serviceWith(7);
    const userIds = Array.from({ length: 100 }, (_, index) => `u${index}`);
    const users = service.streamBatchUsers({ userIds, includeAnalytics: true, maxAgeMs: null }, caller());
    await runtime.until(users.next());
    expect(seen.inFlight).toBeGreaterThan(10);
    await runtime.until(users.return({ totalProcessed: 0, successful: 0, failed: 0, processingTimeMs: 0 }));
    await runtime.advance(0);
    expect([seen.inFlight, runtime.pendingTimers]).toEqual([0, 0]);
  });
});
