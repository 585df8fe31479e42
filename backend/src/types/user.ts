/** Nouns of the questions about users, and of what the read sources know. Times are text: ISO 8601 as the source wrote it. */

/** What the user API says about a user; null is what it does not say. */
export interface UserProfile {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly joinedAt: string | null;
  readonly status: string | null;
}

/** Of a user's posts only what the summary needs: the texts are neither kept nor cached. */
export interface UserPosts {
  readonly total: number;
  /** When the newest one was written; null when there is none. */
  readonly newestAt: string | null;
}

export interface UserAnalytics {
  readonly avgEngagement: number;
  readonly lastActiveAt: string | null;
}

/** A user as the directory (the external event API) lists it. */
export interface DirectoryUser {
  readonly id: string;
  readonly name: string | null;
  /** The ids of the user's events, in the user's own order. */
  readonly events: readonly string[];
}

/** An event as the external event API lists it. */
export interface DirectoryEvent {
  readonly id: string;
  readonly name: string | null;
  readonly userId: string | null;
  readonly details?: unknown;
}

export type UserSourceName = 'profile' | 'posts' | 'analytics';

/**
 * Where a part of an answer comes from. `fresh`: asked just now; `cached`: within the age that the caller allows; `stale`: older than that,
 * because the source could not be had in time or is being asked again; `missing`: the source says that there is none (then `ageMs` is a
 * number), or the deadline came first (then it is null); `failed`: the source failed; `skipped`: the caller did not want it.
 */
export type SourceStatus = 'fresh' | 'cached' | 'stale' | 'missing' | 'failed' | 'skipped';

export interface SourceReport {
  readonly status: SourceStatus;
  /** How many times the source was tried for this; 0 for what came from the cache. */
  readonly attempts: number;
  /** How old the knowledge is; null when there is none. */
  readonly ageMs: number | null;
}

export interface UserSummary {
  readonly userId: string;
  readonly profile: UserProfile | null;
  readonly summary: {
    readonly totalPosts: number;
    readonly avgEngagement: number;
    readonly lastActiveAt: string | null;
    readonly status: string | null;
  } | null;
  /** Why there is no profile: with it the user counts as failed. */
  readonly error?: string;
  readonly sources: Readonly<Record<UserSourceName, SourceReport>>;
}

export interface BatchRequest {
  readonly userIds: readonly string[];
  readonly includeAnalytics: boolean;
  /** How old a cached answer may be, in ms; 0 asks the sources afresh; null leaves it to the gateway. */
  readonly maxAgeMs: number | null;
}

export interface BatchMetadata {
  readonly totalProcessed: number;
  readonly successful: number;
  readonly failed: number;
  readonly processingTimeMs: number;
}
