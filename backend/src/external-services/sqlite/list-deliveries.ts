import type { DeliveryQuery, Page } from '../../interfaces/event-store';
import type { DeliveryView } from '../../types/delivery';
import { decodeCursor, encodeCursor } from '../event-store-rules';
import { MINUTE_MS } from './accept-verb';
import type { Lane, Parameters } from './lanes';
import { LaneReader } from './lanes';
import type { ReadVerbs } from './read-verbs';
import { deliveryIdsOf } from './rows';
import type { SqliteConnection } from './sqlite-connection';
import type { Statement } from './sqlite-driver';

type DeliveryLaneKind = 'event' | 'user' | 'endedBadly' | 'open' | 'ended' | 'destination' | 'all';

export const DELIVERY_LANES: Readonly<Record<DeliveryLaneKind, string>> = {
  event: `SELECT id FROM deliveries WHERE id BETWEEN :key AND :key + 99 AND id < :before ORDER BY id DESC`,
  // An event without deliveries counts as a row that matches nothing, so that a user who has only such costs no more.
  user: `SELECT coalesce(d.id, e.id * 100) AS id FROM events AS e INDEXED BY events_by_user LEFT JOIN deliveries AS d
    ON d.id BETWEEN e.id * 100 AND e.id * 100 + 99 AND d.id < :before
    WHERE e.user_id = :key AND e.id < :before / 100.0 AND e.id >= :lowest / 100.0 ORDER BY e.id DESC, d.id DESC`,
  endedBadly: `SELECT id FROM deliveries INDEXED BY deliveries_ended_badly
    WHERE dead_reason IS NOT NULL AND status = :key AND id < :before AND id >= :lowest ORDER BY id DESC`,
  open: `SELECT id FROM deliveries INDEXED BY deliveries_open
    WHERE due_at IS NOT NULL AND id < :before AND id >= :lowest ORDER BY id DESC`,
  ended: `SELECT id FROM deliveries INDEXED BY deliveries_ended
    WHERE due_at IS NULL AND id < :before AND id >= :lowest ORDER BY id DESC`,
  destination: `SELECT id FROM deliveries INDEXED BY deliveries_by_destination
    WHERE destination = :key AND id < :before AND id >= :lowest ORDER BY id DESC`,
  all: `SELECT id FROM deliveries WHERE id < :before AND id >= :lowest ORDER BY id DESC`,
};

export const matchingDeliveries = (lane: string): string => `
  SELECT d.id AS id FROM (${lane}) AS lane CROSS JOIN deliveries AS d ON d.id = lane.id
    CROSS JOIN events AS e ON e.id = d.event_row
  WHERE (:status IS NULL OR d.status = :status)
    AND (:destination IS NULL OR d.destination = :destination)
    AND (:deadReason IS NULL OR d.dead_reason = :deadReason)
    AND (:httpStatus IS NULL OR d.last_http_status = :httpStatus)
    AND (:error IS NULL OR d.last_error = :error)
    AND (:userId IS NULL OR e.user_id = :userId)
    AND (:clientId IS NULL OR e.client_id = :clientId)
    AND (:eventName IS NULL OR e.event_name = :eventName)
    AND e.accepted_at BETWEEN :from AND :to`;

/** `listDeliveries`: newest created first. A delivery is created when its event is accepted. */
export class ListDeliveries {
  private readonly reader: LaneReader<DeliveryLaneKind>;
  private readonly selectRowsById: Statement<{ id: number; client_id: string }>;
  private readonly selectRowRange: Statement<{ lowest: number | null; highest: number | null }>;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly reads: ReadVerbs,
    walkRows: number,
  ) {
    this.reader = new LaneReader(connection, DELIVERY_LANES, matchingDeliveries, walkRows);
    this.selectRowsById = connection.prepare('SELECT id, client_id FROM events WHERE event_id = ? ORDER BY id DESC');
    this.selectRowRange = connection.prepare(
      'SELECT min(first_row) AS lowest, max(last_row) AS highest FROM accepted_minutes WHERE minute BETWEEN ? AND ?',
    );
  }

  list(query: DeliveryQuery): Page<DeliveryView> {
    const cursor = decodeCursor('delivery', query.cursor);
    return this.connection.read(() => {
      const { lowest, highest } = this.idRange(query);
      const before = Math.min(cursor, highest);
      const parameters = { ...parametersOf(query), lowest };
      const page = this.reader.page(this.chooseLanes(query, parameters, before), parameters, before, query.limit);
      return {
        data: page.ids.flatMap((id) => this.reads.deliveryById(id) ?? []),
        nextCursor: page.next === null ? null : encodeCursor('delivery', page.next),
      };
    });
  }

  private chooseLanes(query: DeliveryQuery, parameters: Parameters, head: number): Lane<DeliveryLaneKind>[] {
    if (query.eventId !== undefined) return this.eventLanes(query.eventId, query.clientId);
    // Without a status the reason may be that of a dead or of a discarded delivery.
    if (query.deadReason !== undefined && query.status === undefined) {
      return (['dead', 'discarded'] as const).map((key) => ({ kind: 'endedBadly', key, head }));
    }
    const lanes = lanesOf(query, head);
    const chosen = this.reader.narrowest(lanes, parameters) ?? lanes[0];
    return [chosen ?? { kind: 'all', key: null, head }];
  }

  /** Each client may have an event with this id. */
  private eventLanes(eventId: string, clientId: string | undefined): Lane<DeliveryLaneKind>[] {
    const rows = this.selectRowsById.all(eventId);
    return rows
      .filter((row) => clientId === undefined || row.client_id === clientId)
      .map((row) => ({ kind: 'event', key: deliveryIdsOf(row.id).first, head: deliveryIdsOf(row.id).last }));
  }

  /** Between which ids the deliveries created in the query's time lie: as exact as whole minutes are. */
  private idRange({ from, to }: DeliveryQuery): { lowest: number; highest: number } {
    if (from === undefined && to === undefined) return { lowest: 0, highest: Number.MAX_SAFE_INTEGER };
    const fromMinute = from === undefined ? Number.MIN_SAFE_INTEGER : Math.floor(from / MINUTE_MS);
    const toMinute = to === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(to / MINUTE_MS);
    const { lowest, highest } = this.selectRowRange.get(fromMinute, toMinute) ?? { lowest: null, highest: null };
    if (lowest === null || highest === null) return { lowest: 0, highest: 0 };
    return { lowest: deliveryIdsOf(lowest).first, highest: deliveryIdsOf(highest).last + 1 };
  }
}

function lanesOf(query: DeliveryQuery, head: number): Lane<DeliveryLaneKind>[] {
  const lanes: Lane<DeliveryLaneKind>[] = [];
  if (query.userId !== undefined) lanes.push({ kind: 'user', key: query.userId, head });
  if (query.status === 'dead' || query.status === 'discarded')
    lanes.push({ kind: 'endedBadly', key: query.status, head });
  if (query.status === 'pending' || query.status === 'delivering') lanes.push({ kind: 'open', key: null, head });
  if (query.status === 'delivered') lanes.push({ kind: 'ended', key: null, head });
  if (query.destination !== undefined) lanes.push({ kind: 'destination', key: query.destination, head });
  return lanes;
}

function parametersOf(query: DeliveryQuery): Parameters {
  return {
    status: query.status ?? null,
    destination: query.destination ?? null,
    deadReason: query.deadReason ?? null,
    httpStatus: query.httpStatus ?? null,
    error: query.error ?? null,
    userId: query.userId ?? null,
    clientId: query.clientId ?? null,
    eventName: query.eventName ?? null,
    from: query.from ?? Number.MIN_SAFE_INTEGER,
    to: query.to ?? Number.MAX_SAFE_INTEGER,
  };
}
