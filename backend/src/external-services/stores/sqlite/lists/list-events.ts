import type { EventQuery, Page } from '../../../../interfaces/event-store';
import type { EventView } from '../../../../types/delivery';
import { decodeCursor, encodeCursor, MAX_DELIVERIES_PER_EVENT as N } from '../../rules';
import type { IndexScan, ScanParameters } from './index-scan';
import { ScanReader } from './index-scan';
import type { EventReader } from '../event-reader';
import type { SqliteConnection } from '../connection';
import type { NamedStatement } from '../driver';
import { betweenIdsOf } from '../rows';

type EventScanKind =
  'user' | 'dead' | 'discarded' | 'open' | 'ended' | 'stored' | 'destination' | 'name' | 'client' | 'hour' | 'all';

export const EVENT_SCANS: Readonly<Record<EventScanKind, string>> = {
  user: `SELECT id FROM events INDEXED BY events_by_user WHERE user_id = :key AND id < :before ORDER BY id DESC`,
  name: `SELECT id FROM events INDEXED BY events_by_name WHERE event_name = :key AND id < :before ORDER BY id DESC`,
  client: `SELECT id FROM events INDEXED BY events_by_client WHERE client_id = :key AND id < :before ORDER BY id DESC`,
  stored: `SELECT id FROM events INDEXED BY events_stored WHERE delivery_count = 0 AND id < :before ORDER BY id DESC`,
  hour: `SELECT id FROM events INDEXED BY events_by_hour WHERE event_time_seconds / 3600 = :key AND id < :before
    AND id > :above AND event_time_seconds BETWEEN :from AND :to ORDER BY id DESC`,
  open: `SELECT d.id / ${N} AS id FROM deliveries AS d INDEXED BY deliveries_open
    WHERE d.due_at IS NOT NULL AND d.id < :before * ${N} ORDER BY d.id DESC`,
  ended: `SELECT d.id / ${N} AS id FROM deliveries AS d INDEXED BY deliveries_ended
    WHERE d.due_at IS NULL AND d.id < :before * ${N} ORDER BY d.id DESC`,
  dead: `SELECT d.id / ${N} AS id FROM deliveries AS d INDEXED BY deliveries_ended_badly
    WHERE d.dead_reason IS NOT NULL AND d.status = 'dead' AND d.id < :before * ${N} ORDER BY d.id DESC`,
  discarded: `SELECT d.id / ${N} AS id FROM deliveries AS d INDEXED BY deliveries_ended_badly
    WHERE d.dead_reason IS NOT NULL AND d.status = 'discarded' AND d.id < :before * ${N} ORDER BY d.id DESC`,
  destination: `SELECT d.id / ${N} AS id FROM deliveries AS d INDEXED BY deliveries_by_destination
    WHERE d.destination = :key AND d.id < :before * ${N} ORDER BY d.id DESC`,
  all: `SELECT id FROM events WHERE id < :before ORDER BY id DESC`,
};

const OF_EVENT = `FROM deliveries AS s WHERE s.id ${betweenIdsOf('e.id')}`;

// An event with two open deliveries stands twice in its scan; the scan's order is kept, since its rows drive the loop.
export const matchingEvents = (scan: string): string => `
  SELECT DISTINCT e.id AS id FROM (${scan}) AS scan CROSS JOIN events AS e ON e.id = scan.id
  WHERE (:clientId IS NULL OR e.client_id = :clientId)
    AND (:userId IS NULL OR e.user_id = :userId)
    AND (:eventName IS NULL OR e.event_name = :eventName)
    AND e.event_time_seconds BETWEEN :from AND :to
    AND (:destination IS NULL OR EXISTS (SELECT 1 ${OF_EVENT} AND s.destination = :destination))
    AND (:status IS NULL OR :status = CASE
      WHEN e.delivery_count = 0 THEN 'stored'
      WHEN EXISTS (SELECT 1 ${OF_EVENT} AND s.status = 'dead') THEN 'dead'
      WHEN EXISTS (SELECT 1 ${OF_EVENT} AND s.due_at IS NOT NULL) THEN 'pending'
      WHEN EXISTS (SELECT 1 ${OF_EVENT} AND s.status = 'delivered') THEN 'delivered'
      ELSE 'discarded' END)`;

/** The hours of a range that hold events, each with its newest row: one seek an hour, whatever the hour holds. */
export const SELECT_HOURS = `
  WITH RECURSIVE hours (hour) AS (
    SELECT (SELECT event_time_seconds / 3600 FROM events INDEXED BY events_by_hour
      WHERE event_time_seconds / 3600 <= :toHour ORDER BY event_time_seconds / 3600 DESC LIMIT 1)
    UNION ALL
    SELECT (SELECT event_time_seconds / 3600 FROM events INDEXED BY events_by_hour
      WHERE event_time_seconds / 3600 < hours.hour ORDER BY event_time_seconds / 3600 DESC LIMIT 1)
    FROM hours WHERE hour > :fromHour LIMIT :maxHours
  )
  SELECT hour AS key, (SELECT id FROM events INDEXED BY events_by_hour
    WHERE event_time_seconds / 3600 = hour AND id < :before ORDER BY id DESC LIMIT 1) AS head
  FROM hours WHERE hour >= :fromHour ORDER BY head DESC`;

/** A wider range of time than this is not merged from its hours. */
const MAX_HOURS = 240;

/** Events, newest accepted first. Within the caller's transaction. */
export class EventList {
  private readonly reader: ScanReader<EventScanKind>;
  private readonly selectHours: NamedStatement<{ key: number; head: number | null }>;

  constructor(
    connection: SqliteConnection,
    private readonly events: EventReader,
    walkRows: number,
  ) {
    this.reader = new ScanReader(connection, EVENT_SCANS, matchingEvents, walkRows);
    this.selectHours = connection.prepareNamed(SELECT_HOURS);
  }

  page(query: EventQuery): Page<EventView> {
    const before = decodeCursor('event', query.cursor);
    const parameters = parametersOf(query);
    const page = this.reader.page(this.chooseScans(query, parameters, before), parameters, before, query.limit);
    return {
      data: page.ids.flatMap((id) => this.events.eventByRow(id) ?? []),
      nextCursor: page.next === null ? null : encodeCursor('event', page.next),
    };
  }

  private chooseScans(query: EventQuery, parameters: ScanParameters, before: number): IndexScan<EventScanKind>[] {
    const scans = scansOf(query, before);
    const narrowest = this.reader.narrowest(scans, parameters);
    if (narrowest !== null) return [narrowest];
    return this.hourScans(query, before) ?? [scans[0] ?? { kind: 'all', key: null, head: before }];
  }

  private hourScans({ fromSeconds, toSeconds }: EventQuery, before: number): IndexScan<EventScanKind>[] | null {
    if (fromSeconds === undefined && toSeconds === undefined) return null;
    const hours = this.selectHours.all({
      fromHour: fromSeconds === undefined ? Number.MIN_SAFE_INTEGER : Math.trunc(fromSeconds / 3600),
      toHour: toSeconds === undefined ? Number.MAX_SAFE_INTEGER : Math.trunc(toSeconds / 3600),
      maxHours: MAX_HOURS + 1,
      before,
    });
    if (hours.length > MAX_HOURS) return null;
    return hours.flatMap(({ key, head }) => (head === null ? [] : [{ kind: 'hour', key, head }]));
  }
}

/** The scans that the query's filters name, the likely narrower ones first. */
function scansOf(query: EventQuery, head: number): IndexScan<EventScanKind>[] {
  const scans: IndexScan<EventScanKind>[] = [];
  if (query.userId !== undefined) scans.push({ kind: 'user', key: query.userId, head });
  if (query.status === 'dead' || query.status === 'discarded') scans.push({ kind: query.status, key: null, head });
  if (query.status === 'pending') scans.push({ kind: 'open', key: null, head });
  if (query.status === 'stored') scans.push({ kind: 'stored', key: null, head });
  if (query.status === 'delivered') scans.push({ kind: 'ended', key: null, head });
  if (query.destination !== undefined) scans.push({ kind: 'destination', key: query.destination, head });
  if (query.eventName !== undefined) scans.push({ kind: 'name', key: query.eventName, head });
  if (query.clientId !== null) scans.push({ kind: 'client', key: query.clientId, head });
  return scans;
}

function parametersOf(query: EventQuery): ScanParameters {
  return {
    clientId: query.clientId,
    userId: query.userId ?? null,
    eventName: query.eventName ?? null,
    status: query.status ?? null,
    destination: query.destination ?? null,
    from: query.fromSeconds ?? Number.MIN_SAFE_INTEGER,
    to: query.toSeconds ?? Number.MAX_SAFE_INTEGER,
  };
}
