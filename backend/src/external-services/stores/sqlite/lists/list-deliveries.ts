import type { DeliveryQuery, Page } from '../../../../interfaces/event-store';
import type { DeliveryView } from '../../../../types/delivery';
import { decodeCursor, encodeCursor, MAX_DELIVERIES_PER_EVENT as N } from '../../rules';
import type { IndexScan, ScanParameters } from './index-scan';
import { ScanReader } from './index-scan';
import type { EventReader } from '../event-reader';
import { betweenIdsOf, deliveryIdsOf, minuteOf } from '../rows';
import type { SqliteConnection } from '../connection';
import type { Statement } from '../driver';

type DeliveryScanKind = 'event' | 'user' | 'endedBadly' | 'open' | 'ended' | 'destination' | 'all';

export const DELIVERY_SCANS: Readonly<Record<DeliveryScanKind, string>> = {
  event: `SELECT id FROM deliveries WHERE id BETWEEN :key AND :key + ${N - 1} AND id < :before ORDER BY id DESC`,
  // An event without deliveries counts as a row that matches nothing, so that a user who has only such costs no more.
  user: `SELECT coalesce(d.id, e.id * ${N}) AS id FROM events AS e INDEXED BY events_by_user LEFT JOIN deliveries AS d
    ON d.id ${betweenIdsOf('e.id')} AND d.id < :before
    WHERE e.user_id = :key AND e.id < :before / ${N}.0 AND e.id >= :lowest / ${N}.0 ORDER BY e.id DESC, d.id DESC`,
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

export const matchingDeliveries = (scan: string): string => `
  SELECT d.id AS id FROM (${scan}) AS scan CROSS JOIN deliveries AS d ON d.id = scan.id
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

/** Deliveries, newest created first: a delivery is created when its event is accepted. Within the caller's transaction. */
export class DeliveryList {
  private readonly reader: ScanReader<DeliveryScanKind>;
  private readonly selectRowsById: Statement<{ id: number; client_id: string }>;
  private readonly selectRowRange: Statement<{ lowest: number | null; highest: number | null }>;

  constructor(
    connection: SqliteConnection,
    private readonly events: EventReader,
    walkRows: number,
  ) {
    this.reader = new ScanReader(connection, DELIVERY_SCANS, matchingDeliveries, walkRows);
    this.selectRowsById = connection.prepare('SELECT id, client_id FROM events WHERE event_id = ? ORDER BY id DESC');
    this.selectRowRange = connection.prepare(
      'SELECT min(first_row) AS lowest, max(last_row) AS highest FROM accepted_minutes WHERE minute BETWEEN ? AND ?',
    );
  }

  page(query: DeliveryQuery): Page<DeliveryView> {
    const cursor = decodeCursor('delivery', query.cursor);
    const { lowest, highest } = this.idRange(query);
    const before = Math.min(cursor, highest);
    const parameters = { ...parametersOf(query), lowest };
    const page = this.reader.page(this.chooseScans(query, parameters, before), parameters, before, query.limit);
    return {
      data: page.ids.flatMap((id) => this.events.deliveryById(id) ?? []),
      nextCursor: page.next === null ? null : encodeCursor('delivery', page.next),
    };
  }

  private chooseScans(query: DeliveryQuery, parameters: ScanParameters, head: number): IndexScan<DeliveryScanKind>[] {
    if (query.eventId !== undefined) return this.eventScans(query.eventId, query.clientId);
    // Without a status the reason may be that of a dead or of a discarded delivery.
    if (query.deadReason !== undefined && query.status === undefined) {
      return (['dead', 'discarded'] as const).map((key) => ({ kind: 'endedBadly', key, head }));
    }
    const scans = scansOf(query, head);
    const chosen = this.reader.narrowest(scans, parameters) ?? scans[0];
    return [chosen ?? { kind: 'all', key: null, head }];
  }

  /** Each client may have an event with this id. */
  private eventScans(eventId: string, clientId: string | undefined): IndexScan<DeliveryScanKind>[] {
    const rows = this.selectRowsById.all(eventId);
    return rows
      .filter((row) => clientId === undefined || row.client_id === clientId)
      .map((row) => ({ kind: 'event', key: deliveryIdsOf(row.id).first, head: deliveryIdsOf(row.id).last }));
  }

  /** Between which ids the deliveries created in the query's time lie: as exact as whole minutes are. */
  private idRange({ from, to }: DeliveryQuery): { lowest: number; highest: number } {
    if (from === undefined && to === undefined) return { lowest: 0, highest: Number.MAX_SAFE_INTEGER };
    const fromMinute = from === undefined ? Number.MIN_SAFE_INTEGER : minuteOf(from);
    const toMinute = to === undefined ? Number.MAX_SAFE_INTEGER : minuteOf(to);
    const { lowest, highest } = this.selectRowRange.get(fromMinute, toMinute) ?? { lowest: null, highest: null };
    if (lowest === null || highest === null) return { lowest: 0, highest: 0 };
    return { lowest: deliveryIdsOf(lowest).first, highest: deliveryIdsOf(highest).last + 1 };
  }
}

function scansOf(query: DeliveryQuery, head: number): IndexScan<DeliveryScanKind>[] {
  const scans: IndexScan<DeliveryScanKind>[] = [];
  if (query.userId !== undefined) scans.push({ kind: 'user', key: query.userId, head });
  if (query.status === 'dead' || query.status === 'discarded')
    scans.push({ kind: 'endedBadly', key: query.status, head });
  if (query.status === 'pending' || query.status === 'delivering') scans.push({ kind: 'open', key: null, head });
  if (query.status === 'delivered') scans.push({ kind: 'ended', key: null, head });
  if (query.destination !== undefined) scans.push({ kind: 'destination', key: query.destination, head });
  return scans;
}

function parametersOf(query: DeliveryQuery): ScanParameters {
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
