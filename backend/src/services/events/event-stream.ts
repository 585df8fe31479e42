import type { EventFact, EventFeed } from './event-feed';

/** A fact with its place in this process's stream. */
export interface StreamedFact {
  /** `<run>-<number>`: the number grows by one with each fact of the run. */
  readonly id: string;
  readonly fact: EventFact;
}

export interface Subscription {
  /** Whose facts: null for every client's. */
  readonly clientId: string | null;
  /** The last id that the reader has seen; what came after it is sent first. */
  readonly lastId: string | null;
  readonly onFact: (streamed: StreamedFact) => void;
  /** Some facts after `lastId` are no longer kept here: the reader must read the lists again. */
  readonly onReset: () => void;
  /** No more will come: the process stops. */
  readonly onEnd: () => void;
}

/** At most this many facts are kept for readers that come back. */
const KEPT_FACTS = 10_000;

/**
 * The facts of this process as a stream that can be resumed. Keeps the last ones, and never waits
 * for a reader.
 */
export class EventStream {
  private readonly kept: (StreamedFact | undefined)[] = [];
  private count = 0;
  private readonly subscriptions = new Set<Subscription>();

  /** `runId` sets this process's ids apart from those of an earlier one. */
  constructor(
    feed: EventFeed,
    private readonly runId: string,
  ) {
    feed.listen((fact) => this.add(fact));
  }

  /** Returns the function that ends the subscription. */
  subscribe(subscription: Subscription): () => void {
    if (subscription.lastId !== null) this.resume(subscription, subscription.lastId);
    this.subscriptions.add(subscription);
    return () => this.subscriptions.delete(subscription);
  }

  close(): void {
    for (const { onEnd } of this.subscriptions) onEnd();
    this.subscriptions.clear();
  }

  private add(fact: EventFact): void {
    const streamed = { id: `${this.runId}-${String(this.count)}`, fact };
    this.kept[this.count % KEPT_FACTS] = streamed;
    this.count += 1;
    for (const subscription of this.subscriptions) offer(subscription, streamed);
  }

  private resume(subscription: Subscription, lastId: string): void {
    const place = lastId.startsWith(`${this.runId}-`) ? lastId.slice(this.runId.length + 1) : '';
    const number = /^\d{1,15}$/.test(place) ? Number(place) : Number.NaN;
    const isKnown = number >= this.count - KEPT_FACTS - 1 && number < this.count;
    if (!isKnown) {
      subscription.onReset();
      return;
    }
    for (let next = number + 1; next < this.count; next += 1) {
      const streamed = this.kept[next % KEPT_FACTS];
      if (streamed !== undefined) offer(subscription, streamed);
    }
  }
}

function offer({ clientId, onFact }: Subscription, streamed: StreamedFact): void {
  const { fact } = streamed;
  const owner = fact.fact === 'accepted' ? fact.event.clientId : fact.clientId;
  if (clientId === null || clientId === owner) onFact(streamed);
}
