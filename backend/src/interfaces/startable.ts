/** The one pair of lifecycle verbs. */
export interface Startable {
  /** May throw, and then leaves nothing behind. */
  start(): Promise<void>;
  /** Returns when truly stopped; harmless when called twice or before start. */
  stop(): Promise<void>;
}
