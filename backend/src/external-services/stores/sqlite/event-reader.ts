import type { AttemptView, DeliveryView, EventView } from '../../../types/delivery';
import type { EventKey } from '../../../types/event';
import { eventStatusOf, MAX_DELIVERIES_PER_EVENT } from '../rules';
import type { SqliteConnection } from './connection';
import type { Statement } from './driver';
import type { AttemptRow, DeliveryRow, EventRow } from './rows';
import { deliveryIdsOf, toAcceptedEvent, toAttemptView, toDeliveryView } from './rows';

/** Deliveries with what their attempts say of them. */
const SELECT_DELIVERIES = `
  SELECT d.*, (SELECT min(a.started_at) FROM attempts AS a
    WHERE a.delivery_id = d.id AND (a.outcome = 'delivered' OR a.possible_duplicate IS NOT NULL)) AS first_taken_at
  FROM deliveries AS d WHERE d.id BETWEEN ? AND ? ORDER BY d.id`;

/** Reads what is known by its key. Each verb runs within the caller's transaction. */
export class EventReader {
  private readonly selectByKey: Statement<EventRow>;
  private readonly selectByEventId: Statement<EventRow>;
  private readonly selectByRow: Statement<EventRow>;
  private readonly selectDeliveries: Statement<DeliveryRow>;
  private readonly selectAttempts: Statement<AttemptRow>;

  constructor(connection: SqliteConnection) {
    this.selectByKey = connection.prepare('SELECT * FROM events WHERE event_id = ? AND client_id = ?');
    this.selectByEventId = connection.prepare('SELECT * FROM events WHERE event_id = ? ORDER BY id LIMIT 1');
    this.selectByRow = connection.prepare('SELECT * FROM events WHERE id = ?');
    this.selectDeliveries = connection.prepare(SELECT_DELIVERIES);
    this.selectAttempts = connection.prepare(`
      SELECT d.destination, a.* FROM attempts AS a CROSS JOIN deliveries AS d ON d.id = a.delivery_id
      WHERE a.delivery_id BETWEEN ? AND ? ORDER BY a.started_at, a.delivery_id, a.number`);
  }

  event(key: EventKey): EventView | null {
    return this.toEventView(this.findRow(key));
  }

  attempts(key: EventKey): AttemptView[] | null {
    const row = this.findRow(key);
    if (row === undefined) return null;
    const { first, last } = deliveryIdsOf(row.id);
    return this.selectAttempts.all(first, last).map(toAttemptView);
  }

  eventByRow(row: number): EventView | null {
    return this.toEventView(this.selectByRow.get(row));
  }

  deliveryById(id: number): DeliveryView | null {
    const event = this.selectByRow.get(Math.floor(id / MAX_DELIVERIES_PER_EVENT));
    const delivery = this.selectDeliveries.get(id, id);
    return event === undefined || delivery === undefined ? null : toDeliveryView(delivery, toAcceptedEvent(event));
  }

  private findRow({ eventId, clientId }: EventKey): EventRow | undefined {
    return clientId === null ? this.selectByEventId.get(eventId) : this.selectByKey.get(eventId, clientId);
  }

  private toEventView(row: EventRow | undefined): EventView | null {
    if (row === undefined) return null;
    const event = toAcceptedEvent(row);
    const { first, last } = deliveryIdsOf(row.id);
    const deliveries = this.selectDeliveries.all(first, last).map((delivery) => toDeliveryView(delivery, event));
    return { event, status: eventStatusOf(deliveries), deliveries };
  }
}
