import { JsonText } from '../types/exact-json';
import type { AttemptView, DeliveryView, EventView } from '../types/delivery';

/**
 * RFC 3339, or null for a time that no calendar holds: an older client may have sent any number.
 */
export function iso(at: number | null): string | null {
  if (at === null) return null;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** An event as the API shows it: the fields as stored, its standing, and each delivery. */
export function eventJson({ event, status, deliveries }: EventView): object {
  return {
    event_id: event.eventId,
    client_id: event.clientId,
    user_id: event.userId,
    event_name: event.eventName,
    event_time: iso(event.eventTimeSeconds * 1000),
    event_time_epoch: event.eventTimeSeconds,
    value_cents: event.valueCents,
    currency: event.currency,
    campaign_id: event.campaignId,
    click_id: event.clickId,
    properties: event.properties === null ? null : new JsonText(event.properties),
    deliver_at: iso(event.deliverAt),
    accepted_at: iso(event.acceptedAt),
    status,
    deliveries: deliveries.map(deliveryJson),
  };
}

function deliveryJson(delivery: DeliveryView): object {
  return {
    destination: delivery.destination,
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: iso(delivery.nextAttemptAt),
    last_error: delivery.lastError,
    last_http_status: delivery.lastHttpStatus,
    dead_reason: delivery.deadReason,
    delivered_at: iso(delivery.deliveredAt),
    payload: payloadJson(delivery.payload),
  };
}

/** A delivery in a list of deliveries, where it must say whose it is. */
export function listedDeliveryJson(delivery: DeliveryView): object {
  return {
    event_id: delivery.eventId,
    client_id: delivery.clientId,
    event_name: delivery.eventName,
    event_time: iso(delivery.eventTimeSeconds * 1000),
    created_at: iso(delivery.createdAt),
    ...deliveryJson(delivery),
  };
}

/**
 * A payload that a failing disk has changed need not be JSON any more; it is shown as the text that
 * is left.
 */
function payloadJson(payload: Buffer): unknown {
  const text = payload.toString('utf8');
  try {
    JSON.parse(text);
    // Not what was parsed: its numbers would be rounded.
    return new JsonText(text);
  } catch {
    return text;
  }
}

export function attemptJson(attempt: AttemptView): object {
  return {
    destination: attempt.destination,
    number: attempt.number,
    started_at: iso(attempt.startedAt),
    duration_ms: attempt.durationMs,
    outcome: attempt.outcome,
    http_status: attempt.httpStatus,
    error: attempt.error,
    excerpt: attempt.excerpt,
    possible_duplicate: attempt.possibleDuplicate,
  };
}
