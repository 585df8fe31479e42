import { AppError } from '../errors';
import { type ClockMark, type NewEvent, StoreUnavailableError } from '../interfaces/event-store';
import type { DeliveryStatus, EventStatus } from '../types/event';

/** What every implementation of EventStore does the same way. */

/** A delivery that has used up this many attempts is buried; replaying it grants as many again. */
export const DEFAULT_ATTEMPT_LIMIT = 1000;

/** So many acts of operators are kept: years of a busy operator's, and a bound for what a program does in their name. */
export const DEFAULT_ACTIONS_MAX = 100_000;

/** An event has at most this many deliveries. It is part of the delivery ids stored: it never changes. */
export const MAX_DELIVERIES_PER_EVENT = 100;

/** A claim leaves out at most this many deliveries. */
const MAX_EXCEPTED = 16;

/** The mark of the clock where none could be written yet: it was right when the oldest event was accepted, if there is one. */
export function markOf(oldest: { readonly acceptedAt: number } | undefined): ClockMark | null {
  return oldest === undefined ? null : { seenAt: oldest.acceptedAt, steadyMs: 86_400_000 };
}

/** The status of an event from those of its deliveries. */
export function eventStatusOf(deliveries: readonly { readonly status: DeliveryStatus }[]): EventStatus {
  if (deliveries.length === 0) return 'stored';
  if (deliveries.some(({ status }) => status === 'dead')) return 'dead';
  if (deliveries.some(({ status }) => status === 'pending' || status === 'delivering')) return 'pending';
  return deliveries.some(({ status }) => status === 'delivered') ? 'delivered' : 'discarded';
}

/**
 * Refuses what a store would change in silence or only refuse half-way through a transaction. Validation keeps all of it from
 * clients, so meeting it here is a defect of the caller.
 */
export function assertStorable({ event, fingerprint, deliveries }: NewEvent): void {
  const texts = [event.eventId, event.clientId, event.userId, event.eventName];
  for (const text of [...texts, event.currency, event.campaignId, event.clickId]) {
    if (text !== null && (text.includes('\0') || !text.isWellFormed())) {
      throw new TypeError(`event ${event.eventId}: a text holds U+0000 or a lone surrogate, which no store can keep`);
    }
  }
  for (const value of [event.eventTimeSeconds, event.valueCents, event.deliverAt, event.acceptedAt]) {
    if (value !== null && !Number.isSafeInteger(value)) {
      throw new TypeError(`event ${event.eventId}: ${value} is not an integer that can be stored exactly`);
    }
  }
  if (fingerprint.length !== 32) throw new TypeError(`event ${event.eventId}: a fingerprint has 32 bytes`);
  if (deliveries.some(({ checksum }) => checksum.length !== 32)) {
    throw new TypeError(`event ${event.eventId}: a checksum has 32 bytes`);
  }
  if (deliveries.length > MAX_DELIVERIES_PER_EVENT) {
    throw new RangeError(`event ${event.eventId}: more than ${MAX_DELIVERIES_PER_EVENT} deliveries`);
  }
  if (new Set(deliveries.map(({ destination }) => destination)).size !== deliveries.length) {
    throw new TypeError(`event ${event.eventId}: two deliveries for one destination`);
  }
}

/** Throws where a claim leaves out more deliveries than it is bounded for. */
export function assertFewExcepted(except: readonly number[]): void {
  if (except.length > MAX_EXCEPTED) throw new RangeError(`a claim leaves out at most ${MAX_EXCEPTED} deliveries`);
}

/** Throws where a time cannot be added to the time that a destination was held. */
export function assertHeldTime(ms: number): void {
  if (!Number.isSafeInteger(ms) || ms < 0) throw new RangeError(`${ms} ms cannot be added to the time of holds`);
}

/** For how long a hold counts that began at `since` and ends now: a clock that was set back makes it no debt. */
export function heldTimeOf(since: number, now: number): number {
  return Math.max(0, now - since);
}

/** Throws where the clock has passed the time by which a call's events had to be committed. */
export function assertInTime(commitBy: number | undefined, now: number): void {
  if (commitBy === undefined || now <= commitBy) return;
  const lateMs = now - commitBy;
  throw new StoreUnavailableError(`it is ${lateMs} ms too late to commit: what is stored may have been pruned`, false);
}

/** What a cursor points into: the one list's cursor is refused by the other. */
export type CursorKind = 'event' | 'delivery';

/** An opaque cursor; rows with a smaller number come next. */
export function encodeCursor(kind: CursorKind, row: number): string {
  return Buffer.from(`${kind}:${row}`).toString('base64url');
}

/** The row number in a cursor that `encodeCursor` made; without a cursor, a number above every row's. */
export function decodeCursor(kind: CursorKind, cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const row = Number(/^(?:event|delivery):([0-9]{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]);
  if (!Number.isSafeInteger(row) || encodeCursor(kind, row) !== cursor) {
    const detail = 'must be the next_cursor of an earlier page of the same list';
    throw new AppError('validation_failed', `cursor ${detail}`, { errors: [{ pointer: '/cursor', detail }] });
  }
  return row;
}

/** Which deliveries an action named, short enough to be kept. */
export function describeDeliveries(deliveryIds: readonly number[]): string {
  const shown = deliveryIds.slice(0, 20).join(', ');
  const more = deliveryIds.length > 20 ? ', …' : '';
  return `${deliveryIds.length} ${deliveryIds.length === 1 ? 'delivery' : 'deliveries'}: ${shown}${more}`;
}
