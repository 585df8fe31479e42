import { MapCache } from '../../../test/support/map-cache';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { BatchService } from './batch-service';
import type { SourceAnswer } from './source-retry';

/** Sources that know every user, and count who asks them for what. */
function serviceWith() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const asked: string[] = [];
  const found = async <T>(source: string, value: T): Promise<SourceAnswer<T>> => {
    asked.push(source);
    return { kind: 'found', value, attempts: 1 };
  };
  const service = new BatchService({
    runtime,
    cache: new MapCache(runtime),
    deadlineMs: 1_400,
    sources: {
      profile: (id) =>
        found('profile', { id, name: 'n', email: 'e', joinedAt: '2024-01-01T00:00:00Z', status: 'active' }),
      posts: () => found('posts', { total: 2, newestAt: '2024-02-02T00:00:00Z' }),
      analytics: () => found('analytics', { avgEngagement: 4.2, lastActiveAt: '2024-03-03T00:00:00Z' }),
    },
  });
  const ask = async (includeAnalytics: boolean, caller?: object) => {
    const signal = new AbortController().signal;
    const asking = service.processUserData(
      'u1',
      { includeAnalytics, maxAgeMs: null },
      Object.assign(caller ?? { signal }, { requestId: 'r' }) as { requestId: string; signal: AbortSignal },
    );
    const { summary } = await runtime.until(asking);
    return Object.values(summary.sources).map(({ status }) => status);
  };
  return { runtime, service, asked, ask };
}

/** Whoever asks for its signal has made something in order to wait. */
const unwaiting = () => ({
  get signal(): AbortSignal {
    throw new Error('the signal was asked for');
  },
});

describe('BatchService, one user', () => {
  it('answers from the caches without making anything to wait with, and counts each part once', async () => {
    const { service, asked, ask } = serviceWith();
    expect(await ask(true)).toEqual(['fresh', 'fresh', 'fresh']);
    expect(await ask(true, unwaiting())).toEqual(['cached', 'cached', 'cached']);
    expect(await ask(false, unwaiting())).toEqual(['cached', 'cached', 'skipped']);
    expect(asked.sort()).toEqual(['analytics', 'posts', 'profile']);
    expect(service.cacheCounts()).toEqual({
      profile: { hits: 2, misses: 1, stale: 0 },
      posts: { hits: 2, misses: 1, stale: 0 },
      analytics: { hits: 1, misses: 1, stale: 0 },
    });
  });

  it('asks only for the part that is not known, and counts the others as known', async () => {
    const { service, asked, ask } = serviceWith();
    expect(await ask(false)).toEqual(['fresh', 'fresh', 'skipped']);
    expect(await ask(true)).toEqual(['cached', 'cached', 'fresh']);
    expect(asked.sort()).toEqual(['analytics', 'posts', 'profile']);
    expect(service.cacheCounts().profile).toEqual({ hits: 1, misses: 1, stale: 0 });
  });
});
