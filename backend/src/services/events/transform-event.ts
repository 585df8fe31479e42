import { AppError, type FieldError } from '../../errors';
import { type ExactNumber, writeJson } from '../../types/exact-json';
import type { AcceptedEvent, CatalogueEntry, EventInput } from '../../types/event';
import type { Catalogue } from './catalogue';
import { canonicalUuid, uuidV5 } from './event-id';
import { isCurrency, toCents } from './money';
import { checkWindow, epochToSeconds, parseRfc3339, windowOf } from './time';

/** What a transformation needs to know besides the input. */
export interface TransformContext {
  readonly clientId: string;
  readonly now: number;
  readonly idempotencyKey: string | undefined;
  readonly newId: () => string;
  readonly catalogue: Catalogue;
  readonly maxAgeMs: number;
  readonly maxAheadMs: number;
}

/** The furthest ahead that a scheduled event may lie. */
const DELIVER_AT_MAX_AHEAD_MS = 30 * 24 * 3_600_000;

class Faults {
  readonly list: FieldError[] = [];

  add(field: string, detail: string): void {
    this.list.push({ pointer: `/${field}`, detail });
  }
}

function readEventId(input: EventInput, context: TransformContext, faults: Faults): string {
  if (input.event_id !== undefined) {
    const id = canonicalUuid(input.event_id);
    if (id === null)
      faults.add('event_id', 'must be a UUID in its dashed form, such as 0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11');
    return id ?? '';
  }
  return context.idempotencyKey === undefined ? context.newId() : uuidV5(context.clientId, context.idempotencyKey);
}

function readSeconds(input: EventInput, context: TransformContext, faults: Faults): number {
  const window = windowOf(context.now, context.maxAgeMs, context.maxAheadMs);
  const field = input.event_time === undefined ? 'event_time_epoch' : 'event_time';
  if (input.event_time === undefined) {
    const read = epochToSeconds(input.event_time_epoch as number | ExactNumber, window);
    if ('error' in read) faults.add(field, read.error);
    return 'error' in read ? 0 : read.seconds;
  }
  const read = parseRfc3339(input.event_time);
  if ('error' in read) {
    faults.add(field, read.error);
    return 0;
  }
  const outside = checkWindow(read.epochMs, window);
  if (outside !== null) faults.add(field, outside);
  return read.seconds;
}

function readDeliverAt(input: EventInput, context: TransformContext, faults: Faults): number | null {
  if (input.deliver_at === undefined) return null;
  const read = parseRfc3339(input.deliver_at);
  if ('error' in read) faults.add('deliver_at', read.error);
  else if (read.epochMs > context.now + DELIVER_AT_MAX_AHEAD_MS)
    faults.add('deliver_at', 'must be at most 30 days ahead');
  else return read.epochMs;
  return null;
}

function readCents(input: EventInput, mayBeNegative: boolean, faults: Faults): number | null {
  if (input.value === undefined) return null;
  const read = toCents(input.value, mayBeNegative);
  if ('error' in read) faults.add('value', read.error);
  return 'error' in read ? null : read.cents;
}

function checkRequired(entry: CatalogueEntry, input: EventInput, faults: Faults): void {
  for (const field of entry.requires) {
    if (input[field] === undefined) faults.add(field, `is required for ${entry.name}`);
  }
}

/**
 * Turns a validated input into the event that is stored. Throws `validation_failed` naming every
 * fault; the same input in the same context gives the same event.
 */
export function transformEvent(input: EventInput, context: TransformContext): AcceptedEvent {
  const faults = new Faults();
  const entry = context.catalogue.find(input.event_name);
  if (entry) checkRequired(entry, input, faults);
  else faults.add('event_name', `is not in the catalogue; known: ${context.catalogue.names().slice(0, 50).join(', ')}`);
  if (input.currency !== undefined && !isCurrency(input.currency)) {
    faults.add('currency', 'must be an ISO 4217 code in capitals, such as EUR');
  }
  const event: AcceptedEvent = {
    eventId: readEventId(input, context, faults),
    clientId: context.clientId,
    userId: input.user_id,
    eventName: input.event_name,
    eventTimeSeconds: readSeconds(input, context, faults),
    valueCents: readCents(input, entry?.negative === true, faults),
    currency: input.currency ?? null,
    campaignId: input.campaign_id ?? null,
    clickId: input.click_id ?? null,
    properties: input.properties === undefined ? null : writeJson(input.properties),
    deliverAt: readDeliverAt(input, context, faults),
    acceptedAt: context.now,
  };
  if (faults.list.length > 0) {
    throw new AppError('validation_failed', 'The event has faults; each is named in errors.', { errors: faults.list });
  }
  return event;
}
