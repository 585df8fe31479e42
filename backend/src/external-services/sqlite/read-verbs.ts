import type { AttemptView, DeliveryView, EventView } from '../../types/delivery';
import type { EventKey, PointsCount } from '../../types/event';
import { eventStatusOf } from '../event-store-rules';
import type { AttemptRow, DeliveryRow, EventRow } from './rows';
import { deliveryIdsOf, toAcceptedEvent, toAttemptView, toDeliveryView } from './rows';
import type { SqliteConnection } from './sqlite-connection';
import type { Statement } from './sqlite-driver';

/** Deliveries with what their attempts say of them. */
const SELECT_DELIVERIES = `
  SELECT d.*, (SELECT min(a.started_at) FROM attempts AS a
    WHERE a.delivery_id = d.id AND (a.outcome = 'delivered' OR a.possible_duplicate IS NOT NULL)) AS first_taken_at
  FROM deliveries AS d WHERE d.id BETWEEN ? AND ? ORDER BY d.id`;

/** Reading what is known by its key. */
export class ReadVerbs {
  private readonly selectByKey: Statement<EventRow>;
  private readonly selectByEventId: Statement<EventRow>;
  private readonly selectByRow: Statement<EventRow>;
  private readonly selectDeliveries: Statement<DeliveryRow>;
  private readonly selectAttempts: Statement<AttemptRow>;
  private readonly selectPoints: Statement<PointsCount>;

  constructor(private readonly connection: SqliteConnection) {
    this.selectByKey = connection.prepare('SELECT * FROM events WHERE event_id = ? AND client_id = ?');
    this.selectByEventId = connection.prepare('SELECT * FROM events WHERE event_id = ? ORDER BY id LIMIT 1');
    this.selectByRow = connection.prepare('SELECT * FROM events WHERE id = ?');
    this.selectDeliveries = connection.prepare(SELECT_DELIVERIES);
    this.selectAttempts = connection.prepare(`
      SELECT d.destination, a.* FROM attempts AS a CROSS JOIN deliveries AS d ON d.id = a.delivery_id
      WHERE a.delivery_id BETWEEN ? AND ? ORDER BY a.started_at, a.delivery_id, a.number`);
    this.selectPoints = connection.prepare(
      'SELECT event_name AS eventName, count FROM points WHERE user_id = ? ORDER BY event_name',
    );
  }

  find(key: EventKey): EventView | null {
    return this.connection.read(() => {
      const row = this.findRow(key);
      return row === undefined ? null : this.toEventView(row);
    });
  }

  attempts(key: EventKey): AttemptView[] | null {
    return this.connection.read(() => {
      const row = this.findRow(key);
      if (row === undefined) return null;
      const { first, last } = deliveryIdsOf(row.id);
      return this.selectAttempts.all(first, last).map(toAttemptView);
    });
  }

  points(userId: string): PointsCount[] {
    return this.connection.read(() => this.selectPoints.all(userId).map((row) => ({ ...row })));
  }

  /** Within the caller's transaction. */
  eventByRow(row: number): EventView | null {
    const event = this.selectByRow.get(row);
    return event === undefined ? null : this.toEventView(event);
  }

  /** Within the caller's transaction. */
  deliveryById(id: number): DeliveryView | null {
    const event = this.selectByRow.get(Math.floor(id / 100));
    const delivery = this.selectDeliveries.get(id, id);
    return event === undefined || delivery === undefined ? null : toDeliveryView(delivery, toAcceptedEvent(event));
  }

  private findRow({ eventId, clientId }: EventKey): EventRow | undefined {
    return clientId === null ? this.selectByEventId.get(eventId) : this.selectByKey.get(eventId, clientId);
  }

  private toEventView(row: EventRow): EventView {
    const event = toAcceptedEvent(row);
    const { first, last } = deliveryIdsOf(row.id);
    const deliveries = this.selectDeliveries.all(first, last).map((delivery) => toDeliveryView(delivery, event));
    return { event, status: eventStatusOf(deliveries), deliveries };
  }
}
