import type { UserAnalytics, UserPosts, UserProfile } from '../types/user';

/** Who asks a source, and until when. */
export interface SourceCall {
  /** Ends the call, with everything it has in flight. */
  readonly signal: AbortSignal;
  /** How much time is left; what cannot end in it is not begun. */
  readonly remainingMs: () => number;
  /** Sent on as `X-Request-Id`. */
  readonly requestId: string;
  /** Told at the beginning of each attempt how many there are now. */
  readonly onAttempt: (attempts: number) => void;
}

/** What came of asking a source, all its attempts included. `attempts` counts the tries that were made. */
export type SourceAnswer<T> =
  | { readonly kind: 'found'; readonly value: T; readonly attempts: number }
  /** The source says that there is none, and is believed. */
  | { readonly kind: 'absent'; readonly attempts: number }
  /** `code` is short and for machines: `http_503`, `attempt_timeout`, `circuit_open`, `ECONNREFUSED`, `unreadable`, … */
  | { readonly kind: 'failed'; readonly code: string; readonly attempts: number };

/** The user API, which fails often and answers slowly. Ids are checked by the caller. No call ever rejects. */
export interface UserSources {
  fetchProfile(userId: string, call: SourceCall): Promise<SourceAnswer<UserProfile>>;
  /** An unknown user has no posts. */
  fetchPosts(userId: string, call: SourceCall): Promise<SourceAnswer<UserPosts>>;
  fetchAnalytics(userId: string, call: SourceCall): Promise<SourceAnswer<UserAnalytics>>;
}
