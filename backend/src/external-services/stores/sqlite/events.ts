import type {
  AcceptLimits,
  AcceptResult,
  DeliveryReceipt,
  EventQuery,
  EventsStore,
  NewEvent,
  Page,
} from '../../../interfaces/event-store';
import type { Runtime } from '../../../interfaces/runtime';
import type { AttemptView, EventView } from '../../../types/delivery';
import type { EventKey, PointsCount } from '../../../types/event';
import { assertInTime, assertStorable, eventStatusOf, MAX_DELIVERIES_PER_EVENT } from '../rules';
import type { EventRow } from './rows';
import { deliveryIdsOf, minuteOf, toAcceptedEvent } from './rows';
import type { EventReader } from './event-reader';
import { EventList } from './lists/list-events';
import type { SqliteConnection } from './connection';
import type { Statement } from './driver';
import type { Counters } from './counters';
import { CounterChanges } from './counters';

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

/** What one call has changed so far. */
class Acceptance {
  readonly changes = new CounterChanges();
  readonly rowsByMinute = new Map<number, { first: number; last: number }>();

  constructor(public roomForDeliveries: number) {}
}

/** Stores new events with everything that hangs on them, where the unique constraint decides what is new; and reads them. */
export class SqliteEvents implements EventsStore {
  private readonly insertEvent: Statement;
  private readonly insertDelivery: Statement;
  private readonly countPoint: Statement;
  private readonly widenMinute: Statement;
  private readonly selectStored: Statement<EventRow>;
  private readonly selectReceipts: Statement<DeliveryReceipt>;

  private readonly selectPoints: Statement<PointsCount>;
  private readonly eventList: EventList;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly counters: Counters,
    private readonly reader: EventReader,
    private readonly options: {
      readonly runtime: Pick<Runtime, 'now'>;
      readonly attemptLimit: number;
      readonly listWalkRows: number;
    },
  ) {
    this.insertEvent = connection.prepare(INSERT_EVENT);
    this.insertDelivery = connection.prepare(INSERT_DELIVERY);
    this.countPoint = connection.prepare(COUNT_POINT);
    this.widenMinute = connection.prepare(WIDEN_MINUTE);
    this.selectStored = connection.prepare('SELECT * FROM events WHERE event_id = ? AND client_id = ?');
    this.selectReceipts = connection.prepare(
      'SELECT destination, status FROM deliveries WHERE id BETWEEN ? AND ? ORDER BY id',
    );
    this.selectPoints = connection.prepare(
      'SELECT event_name AS eventName, count FROM points WHERE user_id = ? ORDER BY event_name',
    );
    this.eventList = new EventList(connection, reader, options.listWalkRows);
  }

  async accept(events: readonly NewEvent[], { backlogMax, commitBy }: AcceptLimits): Promise<AcceptResult[]> {
    events.forEach(assertStorable);
    return this.connection.write(() => {
      assertInTime(commitBy, this.options.runtime.now());
      const acceptance = new Acceptance(backlogMax - this.counters.openCount());
      const results = events.map((event) => this.acceptOne(event, acceptance));
      this.counters.apply(acceptance.changes);
      for (const [minute, { first, last }] of acceptance.rowsByMinute) this.widenMinute.run(minute, first, last);
      return results;
    });
  }

  async find(key: EventKey): Promise<EventView | null> {
    return this.connection.read(() => this.reader.event(key));
  }

  async list(query: EventQuery): Promise<Page<EventView>> {
    return this.connection.read(() => this.eventList.page(query));
  }

  async attempts(key: EventKey): Promise<AttemptView[] | null> {
    return this.connection.read(() => this.reader.attempts(key));
  }

  async points(userId: string): Promise<PointsCount[]> {
    return this.connection.read(() => this.selectPoints.all(userId).map((row) => ({ ...row })));
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
    this.insertDeliveries(newEvent, row, acceptance.changes);
    this.countPoint.run(newEvent.event.userId, newEvent.event.eventName);
    noteMinute(acceptance.rowsByMinute, minuteOf(newEvent.event.acceptedAt), row);
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

  private insertDeliveries({ deliveries }: NewEvent, row: number, changes: CounterChanges): void {
    deliveries.forEach(({ destination, dueAt, checksum, payload }, place) => {
      const id = row * MAX_DELIVERIES_PER_EVENT + place;
      this.insertDelivery.run(id, destination, dueAt, this.options.attemptLimit, checksum, payload);
      changes.add(destination, 'pending', 1);
    });
  }

  private answerStored({ event, fingerprint }: NewEvent): AcceptResult | null {
    const stored = this.selectStored.get(event.eventId, event.clientId);
    if (stored === undefined) return null;
    if (!fingerprint.equals(stored.fingerprint)) return { kind: 'conflict', stored: toAcceptedEvent(stored) };
    const { first, last } = deliveryIdsOf(stored.id);
    const deliveries = this.selectReceipts.all(first, last).map((receipt) => ({ ...receipt }));
    return { kind: 'duplicate', status: eventStatusOf(deliveries), deliveries };
  }
}

function noteMinute(rowsByMinute: Acceptance['rowsByMinute'], minute: number, row: number): void {
  const known = rowsByMinute.get(minute);
  if (known === undefined) rowsByMinute.set(minute, { first: row, last: row });
  else known.last = row;
}
