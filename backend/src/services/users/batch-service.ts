import { AppError } from '../../errors';
import type { Cache } from '../../interfaces/cache';
import type { Runtime } from '../../interfaces/runtime';
import type { BatchMetadata, BatchRequest, UserAnalytics, UserPosts, UserProfile, UserSummary } from '../../types/user';
import { deadline, drainInputFirst } from '../resilience/deadline';
import { onAbort } from '../resilience/on-abort';
import { CachedSource, DEADLINE, type Kept, type ReadOptions, type SourceReading } from './cached-source';
import type { Ask } from './source-retry';
import { failureOf, isComplete, isLate, toUserSummary, type UserFailure, type UserReadings } from './user-summary';

/**
 * So many users of one stream are worked on at once: few at first, one more with each that came in time, half as many after one that did not.
 * At most less than a source's pool holds, so that a stream leaves room for others.
 */
const streamWindow = { first: 10, min: 10, max: 40 };

export interface BatchServiceParts {
  readonly sources: {
    readonly profile: Ask<UserProfile>;
    readonly posts: Ask<UserPosts>;
    readonly analytics: Ask<UserAnalytics>;
  };
  readonly cache: Cache;
  readonly runtime: Runtime;
  /** By when a question has to be answered with what is there. */
  readonly deadlineMs: number;
}

/** Who asks. `signal` aborts when nobody waits for the answer any more. */
export interface BatchCaller {
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export interface BatchAnswer {
  readonly results: readonly UserSummary[];
  readonly metadata: BatchMetadata;
  readonly isComplete: boolean;
}

export interface ProcessedUser {
  readonly summary: UserSummary;
  readonly failure: UserFailure;
}

interface KeptUser {
  readonly profile: Kept<UserProfile>;
  readonly posts: Kept<UserPosts>;
  /** Null when the caller did not want it. */
  readonly analytics: Kept<UserAnalytics> | null;
}

type UserOptions = Pick<BatchRequest, 'includeAnalytics' | 'maxAgeMs'>;

/** Answers questions about users from sources that are slow and often fail: all that can be had by the deadline, and what could not, by name. */
export class BatchService {
  private readonly profiles: CachedSource<UserProfile>;
  private readonly posts: CachedSource<UserPosts>;
  private readonly analytics: CachedSource<UserAnalytics>;
  private readonly stopping = new AbortController();

  constructor(private readonly parts: BatchServiceParts) {
    const { sources } = parts;
    const behind = { ...parts, stopping: this.stopping.signal };
    this.profiles = new CachedSource('profile', sources.profile, behind);
    this.posts = new CachedSource('posts', sources.posts, behind);
    this.analytics = new CachedSource('analytics', sources.analytics, behind);
  }

  fetchUserProfile(
    userId: string,
    options: ReadOptions,
    kept?: Kept<UserProfile>,
  ): Promise<SourceReading<UserProfile>> {
    return this.profiles.read(userId, options, kept);
  }

  fetchUserPosts(userId: string, options: ReadOptions, kept?: Kept<UserPosts>): Promise<SourceReading<UserPosts>> {
    return this.posts.read(userId, options, kept);
  }

  fetchUserAnalytics(
    userId: string,
    options: ReadOptions,
    kept?: Kept<UserAnalytics>,
  ): Promise<SourceReading<UserAnalytics>> {
    return this.analytics.read(userId, options, kept);
  }

  /** One user, by the deadline. Rejects only with the reason of the caller's signal. */
  async processUserData(userId: string, options: UserOptions, caller: BatchCaller): Promise<ProcessedUser> {
    const kept = await this.look(userId, options);
    const known = knownFrom(kept);
    // Most questions end here: whatever makes waiting possible (a deadline, a signal) is made only for those that have to wait.
    if (known !== null) return toProcessedUser(userId, known);
    const limit = deadline(drainInputFirst(this.parts.runtime), this.parts.deadlineMs, caller.signal, DEADLINE);
    try {
      return await this.readUser(userId, options, { requestId: caller.requestId, signal: limit.signal }, kept);
    } finally {
      limit.clear();
    }
  }

  /**
   * All users of a batch at once, by one deadline; in the order of the request, a repeated id where it first stands. Throws
   * `upstream_failed` or `upstream_timeout` when nothing at all is known.
   */
  async processBatchUsers(request: BatchRequest, caller: BatchCaller): Promise<BatchAnswer> {
    const startedAt = this.parts.runtime.monotonic();
    const limit = deadline(drainInputFirst(this.parts.runtime), this.parts.deadlineMs, caller.signal, DEADLINE);
    try {
      const ids = [...new Set(request.userIds)];
      const bounded = { ...caller, signal: limit.signal };
      const users = await Promise.all(ids.map((userId) => this.readUser(userId, request, bounded)));
      if (users.length > 0) assertSomethingKnown(users);
      const results = users.map(({ summary }) => summary);
      return { results, metadata: this.metadataOf(users, startedAt), isComplete: results.every(isComplete) };
    } finally {
      limit.clear();
    }
  }

  /**
   * Each user as soon as it is ready, each by a deadline of its own, and at last the metadata. No more users are begun than the reader takes:
   * at most a window of them is in flight or waits to be read. Leaving the loop early ends what is in flight.
   */
  async *streamBatchUsers(request: BatchRequest, caller: BatchCaller): AsyncGenerator<UserSummary, BatchMetadata> {
    const startedAt = this.parts.runtime.monotonic();
    const leaving = new AbortController();
    const { signal } = leaving;
    const stopListening = onAbort(caller.signal, () => leaving.abort(caller.signal.reason));
    caller.signal.throwIfAborted();
    const done: Pick<ProcessedUser, 'failure'>[] = [];
    let window = streamWindow.first;
    const open = new Map<string, Promise<ProcessedUser>>();
    const next = async (): Promise<UserSummary> => {
      const { summary, failure } = await Promise.race(open.values());
      open.delete(summary.userId);
      done.push({ failure });
      window = isLate(summary)
        ? Math.max(streamWindow.min, Math.floor(window / 2))
        : Math.min(streamWindow.max, window + 1);
      return summary;
    };
    try {
      for (const userId of new Set(request.userIds)) {
        while (open.size >= window) yield await next();
        const user = this.processUserData(userId, request, { ...caller, signal });
        // Whoever leaves early does not wait for the rest, which then ends with the signal's reason.
        user.catch(() => undefined);
        open.set(userId, user);
      }
      while (open.size > 0) yield await next();
      return this.metadataOf(done, startedAt);
    } finally {
      stopListening();
      leaving.abort('left');
    }
  }

  /** How often each source was answered from the cache. */
  cacheCounts(): Record<string, ReturnType<CachedSource<unknown>['counts']>> {
    return { profile: this.profiles.counts(), posts: this.posts.counts(), analytics: this.analytics.counts() };
  }

  /** Ends what is being asked anew behind. */
  stop(): void {
    this.stopping.abort('shutdown');
  }

  /** What the caches hold of a user. */
  private async look(userId: string, { includeAnalytics, maxAgeMs }: UserOptions): Promise<KeptUser> {
    const [profile, posts, analytics] = await Promise.all([
      this.profiles.look(userId, maxAgeMs),
      this.posts.look(userId, maxAgeMs),
      includeAnalytics ? this.analytics.look(userId, maxAgeMs) : null,
    ]);
    return { profile, posts, analytics };
  }

  private async readUser(
    userId: string,
    options: UserOptions,
    caller: BatchCaller,
    kept?: KeptUser,
  ): Promise<ProcessedUser> {
    const { requestId, signal } = caller;
    const read: ReadOptions = { requestId, signal, maxAgeMs: options.maxAgeMs };
    const [profile, posts, analytics] = await Promise.all([
      this.fetchUserProfile(userId, read, kept?.profile),
      this.fetchUserPosts(userId, read, kept?.posts),
      options.includeAnalytics ? this.fetchUserAnalytics(userId, read, kept?.analytics ?? undefined) : null,
    ]);
    return toProcessedUser(userId, { profile, posts, analytics });
  }

  private metadataOf(users: readonly Pick<ProcessedUser, 'failure'>[], startedAt: number): BatchMetadata {
    const failed = users.filter(({ failure }) => failure !== null).length;
    const processingTimeMs = Math.round(this.parts.runtime.monotonic() - startedAt);
    return { totalProcessed: users.length, successful: users.length - failed, failed, processingTimeMs };
  }
}

/** The readings of a user of whom all that was wanted is in the caches and new enough; null otherwise. */
function knownFrom({ profile, posts, analytics }: KeptUser): UserReadings | null {
  if (profile.fresh === null || posts.fresh === null || analytics?.fresh === null) return null;
  return { profile: profile.fresh, posts: posts.fresh, analytics: analytics === null ? null : analytics.fresh };
}

function toProcessedUser(userId: string, readings: UserReadings): ProcessedUser {
  return { summary: toUserSummary(userId, readings), failure: failureOf(readings) };
}

/** That a user does not exist is knowledge too. */
function assertSomethingKnown(users: readonly ProcessedUser[]): void {
  const failures = users.map(({ failure }) => failure);
  if (failures.some((failure) => failure === null || failure === 'absent')) return;
  throw upstreamError(failures.includes('deadline'), 'None of the users could be had');
}

/** The error of an answer that could not be had at all. */
export function upstreamError(isDeadline: boolean, what: string): AppError {
  return isDeadline
    ? new AppError('upstream_timeout', `${what} in time; ask again shortly.`)
    : new AppError('upstream_failed', `${what}: the user API is failing.`);
}
