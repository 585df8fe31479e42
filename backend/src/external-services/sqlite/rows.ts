import type { AttemptView, DeadReason, DeliveryView, OutcomeKind, PossibleDuplicateReason } from '../../types/delivery';
import type { AcceptedEvent, DeliveryStatus } from '../../types/event';

/** Rows as SQLite gives them, and how they become what the port speaks of. */

export interface EventRow {
  readonly id: number;
  readonly event_id: string;
  readonly client_id: string;
  readonly user_id: string;
  readonly event_name: string;
  readonly event_time_seconds: number;
  readonly value_cents: number | null;
  readonly currency: string | null;
  readonly campaign_id: string | null;
  readonly click_id: string | null;
  readonly properties: string | null;
  readonly deliver_at: number | null;
  readonly accepted_at: number;
  readonly delivery_count: number;
  readonly fingerprint: Uint8Array;
}

export interface DeliveryRow {
  readonly id: number;
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly due_at: number | null;
  readonly attempts: number;
  readonly delivered_at: number | null;
  readonly dead_reason: DeadReason | null;
  readonly last_error: string | null;
  readonly last_http_status: number | null;
  readonly first_taken_at: number | null;
  readonly payload: Uint8Array;
}

export interface AttemptRow {
  readonly destination: string;
  readonly number: number;
  readonly started_at: number;
  readonly duration_ms: number;
  readonly outcome: OutcomeKind;
  readonly http_status: number | null;
  readonly error: string | null;
  readonly excerpt: string | null;
  readonly possible_duplicate: PossibleDuplicateReason | null;
}

/** The ids of an event's deliveries lie in [first, last]. */
export function deliveryIdsOf(eventRow: number): { first: number; last: number } {
  return { first: eventRow * 100, last: eventRow * 100 + 99 };
}

/** The same bytes as a Buffer, not copied. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function toAcceptedEvent(row: EventRow): AcceptedEvent {
  return {
    eventId: row.event_id,
    clientId: row.client_id,
    userId: row.user_id,
    eventName: row.event_name,
    eventTimeSeconds: row.event_time_seconds,
    valueCents: row.value_cents,
    currency: row.currency,
    campaignId: row.campaign_id,
    clickId: row.click_id,
    properties: row.properties,
    deliverAt: row.deliver_at,
    acceptedAt: row.accepted_at,
  };
}

export function toDeliveryView(row: DeliveryRow, event: AcceptedEvent): DeliveryView {
  return {
    deliveryId: row.id,
    eventId: event.eventId,
    clientId: event.clientId,
    eventName: event.eventName,
    eventTimeSeconds: event.eventTimeSeconds,
    destination: row.destination,
    status: row.status,
    attempts: row.attempts,
    nextAttemptAt: row.due_at,
    lastError: row.last_error,
    lastHttpStatus: row.last_http_status,
    deadReason: row.dead_reason,
    createdAt: event.acceptedAt,
    deliveredAt: row.delivered_at,
    firstTakenAt: row.first_taken_at,
    payload: toBuffer(row.payload),
  };
}

export function toAttemptView(row: AttemptRow): AttemptView {
  return {
    destination: row.destination,
    number: row.number,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    outcome: row.outcome,
    httpStatus: row.http_status,
    error: row.error,
    excerpt: row.excerpt,
    possibleDuplicate: row.possible_duplicate,
  };
}
