import type { AttemptRecord, DeadReason } from '../../types/delivery';
import type { AcceptedEvent, DeliveryStatus } from '../../types/event';

/** What happens to events in this process, told after the commit and never before. */
export type EventFact =
  | {
      readonly fact: 'accepted';
      readonly at: number;
      readonly event: AcceptedEvent;
      readonly destinations: readonly string[];
    }
  | {
      readonly fact: 'attempted' | 'delivered' | 'dead';
      readonly at: number;
      readonly eventId: string;
      readonly clientId: string;
      readonly destination: string;
      readonly status: DeliveryStatus;
      readonly record: AttemptRecord | null;
      readonly deadReason: DeadReason | null;
    };

type Listener = (fact: EventFact) => void;

/**
 * Hands each fact to its present listeners; keeps nothing. Listeners must be quick and must not
 * throw.
 */
export class EventFeed {
  private readonly listeners = new Set<Listener>();

  /** Returns the function that ends the listening. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  publish(fact: EventFact): void {
    for (const listener of this.listeners) listener(fact);
  }
}
