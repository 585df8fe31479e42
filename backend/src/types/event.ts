import type { ExactNumber, ExactObject } from './exact-json';

/**
 * Nouns of the accepting side. Times named `…At` are epoch milliseconds; a unit other than that is
 * in the name.
 */

/** An event as accepted: validated, transformed, durable, never changed. */
export interface AcceptedEvent {
  /** Canonical lower-case UUID; unique per client. */
  readonly eventId: string;
  /** The client whose token posted it: the owner. */
  readonly clientId: string;
  readonly userId: string;
  readonly eventName: string;
  /** When it happened, in whole seconds since 1970 (floor). */
  readonly eventTimeSeconds: number;
  /** Hundredths of the currency's unit, or null when the event carries no value. */
  readonly valueCents: number | null;
  readonly currency: string | null;
  readonly campaignId: string | null;
  readonly clickId: string | null;
  /** A JSON object as text, so that each number in it stays as the client sent it. */
  readonly properties: string | null;
  /** A scheduled event is first sent at this time; null: at once. */
  readonly deliverAt: number | null;
  readonly acceptedAt: number;
}

export type DeliveryStatus = 'pending' | 'delivering' | 'delivered' | 'dead' | 'discarded';

/**
 * Derived from the deliveries: `dead` if any is dead, else `pending` while any is open, else
 * `delivered` if any was delivered, else `discarded`; `stored` without deliveries.
 */
export type EventStatus = 'stored' | 'pending' | 'delivered' | 'dead' | 'discarded';

/**
 * What names an event: ids are unique per client; `clientId: null` is a reader that sees every
 * client's events.
 */
export interface EventKey {
  readonly eventId: string;
  readonly clientId: string | null;
}

/** A number of occurrences of one event name for one user. */
export interface PointsCount {
  readonly eventName: string;
  readonly count: number;
}

/** One entry of the event catalogue. */
export interface CatalogueEntry {
  readonly name: string;
  readonly description: string;
  readonly points: number;
  readonly requires: readonly ('value' | 'campaign_id' | 'click_id' | 'currency')[];
  /** Whether its value may be negative, as that of a refund; left out: it may not. */
  readonly negative?: boolean;
  /** Only these destinations get it, of those that want it; left out: all that want it. */
  readonly destinations?: readonly string[];
}

/**
 * An event as a client posts it, validated field by field and not yet transformed. Exactly one of
 * the two times is there.
 */
export interface EventInput {
  readonly event_id?: string;
  readonly user_id: string;
  readonly event_name: string;
  readonly event_time?: string;
  readonly event_time_epoch?: number | ExactNumber;
  readonly value?: number | string | ExactNumber;
  readonly currency?: string;
  readonly campaign_id?: string;
  readonly click_id?: string;
  readonly properties?: ExactObject;
  readonly deliver_at?: string;
}

/** The query of a list of events. The service reads its times. */
export interface EventQueryInput {
  readonly user_id?: string;
  readonly event_name?: string;
  readonly status?: EventStatus;
  readonly destination?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly cursor?: string;
}
