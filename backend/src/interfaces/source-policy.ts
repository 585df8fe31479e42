/** What came of one sending of a request to a source, before it is known whether there will be another. */
export type Sent<T> =
  | { readonly kind: 'found'; readonly value: T }
  /** The source said in so many words that there is none. */
  | { readonly kind: 'absent' }
  /** A 404: a source that fails at random may say this too, so it is believed at the second sighting. */
  | { readonly kind: 'not_found' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      /** Whether the same may succeed when it is sent again. */
      readonly isRetryable: boolean;
      /** The `Retry-After` header as it came. */
      readonly retryAfter: string | null;
    };

/** One question to a source, over all its attempts. */
export interface SourceQuestion {
  /** How many attempts were begun. */
  readonly attempts: number;
  /** At most so many attempts follow the first. */
  readonly maxRetries: number;
  /**
   * Makes one attempt: waits for its turn and sends once, or twice at the same time where it is a later attempt; the first success wins and
   * the other sending is aborted. `send` never rejects and ends soon after its signal aborts. Never rejects.
   */
  attempt<T>(send: (signal: AbortSignal) => Promise<Sent<T>>): Promise<Sent<T>>;
  /** How long to wait before the next attempt, or null when there is to be none. The answer spends from the retry budget. */
  planRetry(last: Sent<unknown>): number | null;
  /** Whether the source has said often enough that there is none. */
  isKnownAbsent(): boolean;
}

/** The rules by which one source is asked; the adapter that speaks HTTP carries them out. */
export interface SourcePolicy {
  ask(limits: { readonly signal: AbortSignal; readonly remainingMs: () => number }): SourceQuestion;
}
