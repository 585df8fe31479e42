import type { AcceptLimits, AcceptResult, DeliveryStanding, NewEvent } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import { assertInTime, assertStorable, eventStatusOf, MAX_DELIVERIES_PER_EVENT } from '../event-store-rules';
import type { EventRow } from './rows';
import { deliveryIdsOf, toAcceptedEvent } from './rows';
import type { SqliteConnection } from './sqlite-connection';
import type { Statement } from './sqlite-driver';
import type { Tallies } from './tallies';
import { TallyDeltas } from './tallies';

const INSERT_EVENT = `
  INSERT INTO events (event_id, client_id, user_id, event_name, event_time_seconds, value_cents, currency, campaign_id,
    click_id, properties, deliver_at, accepted_at, delivery_count, fingerprint, request_id)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (event_id, client_id) DO NOTHING`;

const INSERT_DELIVERY = `
  INSERT INTO deliveries (id, destination, status, due_at, attempts, attempt_limit, tries, is_replay, checksum, payload)
  VALUES (?, ?, 'pending', ?, 0, ?, 0, 0, ?, ?)`;

const COUNT_POINT = `
  INSERT INTO points (user_id, event_name, count) VALUES (?, ?, 1)
  ON CONFLICT (user_id, event_name) DO UPDATE SET count = count + 1`;

const WIDEN_MINUTE = `
  INSERT INTO accepted_minutes (minute, first_row, last_row) VALUES (?1, ?2, ?3)
  ON CONFLICT (minute) DO UPDATE SET first_row = min(first_row, ?2), last_row = max(last_row, ?3)`;

export const MINUTE_MS = 60_000;

/** What one call has changed so far. */
class Acceptance {
  readonly deltas = new TallyDeltas();
  readonly rowsByMinute = new Map<number, { first: number; last: number }>();

  constructor(public roomForDeliveries: number) {}
}

/** Stores new events with everything that hangs on them; the unique constraint decides what is new. */
export class AcceptVerb {
  private readonly insertEvent: Statement;
  private readonly insertDelivery: Statement;
  private readonly countPoint: Statement;
  private readonly widenMinute: Statement;
  private readonly selectStored: Statement<EventRow>;
  private readonly selectStandings: Statement<DeliveryStanding>;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly tallies: Tallies,
    private readonly runtime: Pick<Runtime, 'now'>,
    private readonly attemptLimit: number,
  ) {
    this.insertEvent = connection.prepare(INSERT_EVENT);
    this.insertDelivery = connection.prepare(INSERT_DELIVERY);
    this.countPoint = connection.prepare(COUNT_POINT);
    this.widenMinute = connection.prepare(WIDEN_MINUTE);
    this.selectStored = connection.prepare('SELECT * FROM events WHERE event_id = ? AND client_id = ?');
    this.selectStandings = connection.prepare(
      'SELECT destination, status FROM deliveries WHERE id BETWEEN ? AND ? ORDER BY id',
    );
  }

  accept(events: readonly NewEvent[], { backlogMax, commitBy }: AcceptLimits): AcceptResult[] {
    events.forEach(assertStorable);
    return this.connection.write(() => {
      assertInTime(commitBy, this.runtime.now());
      const acceptance = new Acceptance(backlogMax - this.tallies.openCount());
      const results = events.map((event) => this.acceptOne(event, acceptance));
      this.tallies.apply(acceptance.deltas);
      for (const [minute, { first, last }] of acceptance.rowsByMinute) this.widenMinute.run(minute, first, last);
      return results;
    });
  }

  private acceptOne(newEvent: NewEvent, acceptance: Acceptance): AcceptResult {
    const isFull = newEvent.deliveries.length > 0 && newEvent.deliveries.length > acceptance.roomForDeliveries;
    // A repeat is answered as one even when there is no room for anything new.
    if (isFull) return this.answerStored(newEvent) ?? { kind: 'full' };
    const row = this.insertOne(newEvent);
    if (row === null) {
      const answer = this.answerStored(newEvent);
      if (answer === null) throw new Error(`event ${newEvent.event.eventId} is neither new nor stored`);
      return answer;
    }
    acceptance.roomForDeliveries -= newEvent.deliveries.length;
    this.insertDeliveries(newEvent, row, acceptance.deltas);
    this.countPoint.run(newEvent.event.userId, newEvent.event.eventName);
    noteMinute(acceptance.rowsByMinute, Math.floor(newEvent.event.acceptedAt / MINUTE_MS), row);
    const deliveries = newEvent.deliveries.map(({ destination }) => ({ destination, status: 'pending' as const }));
    return { kind: 'inserted', status: eventStatusOf(deliveries), deliveries };
  }

  /** The new row's number, or null when the client has an event with this id. */
  private insertOne({ event, fingerprint, deliveries, requestId }: NewEvent): number | null {
    const { changes, lastInsertRowid } = this.insertEvent.run(
      event.eventId,
      event.clientId,
      event.userId,
      event.eventName,
      event.eventTimeSeconds,
      event.valueCents,
      event.currency,
      event.campaignId,
      event.clickId,
      event.properties,
      event.deliverAt,
      event.acceptedAt,
      deliveries.length,
      fingerprint,
      requestId,
    );
    return changes === 0 ? null : Number(lastInsertRowid);
  }

  private insertDeliveries({ deliveries }: NewEvent, row: number, deltas: TallyDeltas): void {
    deliveries.forEach(({ destination, dueAt, checksum, payload }, place) => {
      const id = row * MAX_DELIVERIES_PER_EVENT + place;
      this.insertDelivery.run(id, destination, dueAt, this.attemptLimit, checksum, payload);
      deltas.add(destination, 'pending', 1);
    });
  }

  private answerStored({ event, fingerprint }: NewEvent): AcceptResult | null {
    const stored = this.selectStored.get(event.eventId, event.clientId);
    if (stored === undefined) return null;
    if (!fingerprint.equals(stored.fingerprint)) return { kind: 'conflict', stored: toAcceptedEvent(stored) };
    const { first, last } = deliveryIdsOf(stored.id);
    const deliveries = this.selectStandings.all(first, last).map((standing) => ({ ...standing }));
    return { kind: 'duplicate', status: eventStatusOf(deliveries), deliveries };
  }
}

function noteMinute(rowsByMinute: Acceptance['rowsByMinute'], minute: number, row: number): void {
  const known = rowsByMinute.get(minute);
  if (known === undefined) rowsByMinute.set(minute, { first: row, last: row });
  else known.last = row;
}
