import type { DirectoryEvent, DirectoryUser, UserAnalytics, UserPosts, UserProfile } from '../types/user';

/** One request to a source. */
export interface SourceRequest {
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** Sent on as `X-Request-Id`. */
  readonly requestId: string;
}

/** What came of one request to a source, before it is known whether there will be another. */
export type SourceResponse<T> =
  | { readonly kind: 'found'; readonly value: T }
  /** The source said in so many words that there is none. */
  | { readonly kind: 'absent' }
  /** A 404: a source that fails at random may say this too, so it is believed at the second sighting. */
  | { readonly kind: 'not_found' }
  | {
      readonly kind: 'failed';
      /** Short and for machines: `http_503`, `attempt_timeout`, `ECONNREFUSED`, `unreadable`, … */
      readonly code: string;
      /** Whether the same may succeed when it is sent again. */
      readonly isRetryable: boolean;
      /** The `Retry-After` header as it came. */
      readonly retryAfter: string | null;
    };

/** The user API, which fails often and answers slowly. Ids are checked by the caller. No request ever rejects. */
export interface UserSources {
  readonly profile: (userId: string, request: SourceRequest) => Promise<SourceResponse<UserProfile>>;
  /** An unknown user has no posts. */
  readonly posts: (userId: string, request: SourceRequest) => Promise<SourceResponse<UserPosts>>;
  readonly analytics: (userId: string, request: SourceRequest) => Promise<SourceResponse<UserAnalytics>>;
}

/** The users and events that the external event API keeps. Ids are checked by the caller. No request ever rejects. */
export interface UserDirectory {
  readonly users: (request: SourceRequest) => Promise<SourceResponse<readonly DirectoryUser[]>>;
  readonly user: (userId: string, request: SourceRequest) => Promise<SourceResponse<DirectoryUser>>;
  readonly events: (request: SourceRequest) => Promise<SourceResponse<readonly DirectoryEvent[]>>;
  readonly event: (eventId: string, request: SourceRequest) => Promise<SourceResponse<DirectoryEvent>>;
}
