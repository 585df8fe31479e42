import type { EventQuery, Page } from '../../interfaces/event-store';
import type { EventView } from '../../types/delivery';
import { decodeCursor, encodeCursor } from '../event-store-rules';
import type { Lane, Parameters } from './lanes';
import { LaneReader } from './lanes';
import type { ReadVerbs } from './read-verbs';
import type { SqliteConnection } from './sqlite-connection';
import type { NamedStatement } from './sqlite-driver';

type EventLaneKind =
  'user' | 'dead' | 'discarded' | 'open' | 'ended' | 'stored' | 'destination' | 'name' | 'client' | 'hour' | 'all';

export const EVENT_LANES: Readonly<Record<EventLaneKind, string>> = {
  user: `SELECT id FROM events INDEXED BY events_by_user WHERE user_id = :key AND id < :before ORDER BY id DESC`,
  name: `SELECT id FROM events INDEXED BY events_by_name WHERE event_name = :key AND id < :before ORDER BY id DESC`,
  client: `SELECT id FROM events INDEXED BY events_by_client WHERE client_id = :key AND id < :before ORDER BY id DESC`,
  stored: `SELECT id FROM events INDEXED BY events_stored WHERE delivery_count = 0 AND id < :before ORDER BY id DESC`,
  hour: `SELECT id FROM events INDEXED BY events_by_hour WHERE event_time_seconds / 3600 = :key AND id < :before
    AND id > :above AND event_time_seconds BETWEEN :from AND :to ORDER BY id DESC`,
  open: `SELECT d.id / 100 AS id FROM deliveries AS d INDEXED BY deliveries_open
    WHERE d.due_at IS NOT NULL AND d.id < :before * 100 ORDER BY d.id DESC`,
  ended: `SELECT d.id / 100 AS id FROM deliveries AS d INDEXED BY deliveries_ended
    WHERE d.due_at IS NULL AND d.id < :before * 100 ORDER BY d.id DESC`,
  dead: `SELECT d.id / 100 AS id FROM deliveries AS d INDEXED BY deliveries_ended_badly
    WHERE d.dead_reason IS NOT NULL AND d.status = 'dead' AND d.id < :before * 100 ORDER BY d.id DESC`,
  discarded: `SELECT d.id / 100 AS id FROM deliveries AS d INDEXED BY deliveries_ended_badly
    WHERE d.dead_reason IS NOT NULL AND d.status = 'discarded' AND d.id < :before * 100 ORDER BY d.id DESC`,
  destination: `SELECT d.id / 100 AS id FROM deliveries AS d INDEXED BY deliveries_by_destination
    WHERE d.destination = :key AND d.id < :before * 100 ORDER BY d.id DESC`,
  all: `SELECT id FROM events WHERE id < :before ORDER BY id DESC`,
};

const OF_EVENT = 'FROM deliveries AS s WHERE s.id BETWEEN e.id * 100 AND e.id * 100 + 99';

// An event with two open deliveries stands twice in its lane; the lane's order is kept, since its rows drive the loop.
export const matchingEvents = (lane: string): string => `
  SELECT DISTINCT e.id AS id FROM (${lane}) AS lane CROSS JOIN events AS e ON e.id = lane.id
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

/** `list`: newest accepted first. */
export class ListEvents {
  private readonly reader: LaneReader<EventLaneKind>;
  private readonly selectHours: NamedStatement<{ key: number; head: number | null }>;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly reads: ReadVerbs,
    walkRows: number,
  ) {
    this.reader = new LaneReader(connection, EVENT_LANES, matchingEvents, walkRows);
    this.selectHours = connection.prepareNamed(SELECT_HOURS);
  }

  list(query: EventQuery): Page<EventView> {
    const before = decodeCursor('event', query.cursor);
    return this.connection.read(() => {
      const parameters = parametersOf(query);
      const page = this.reader.page(this.chooseLanes(query, parameters, before), parameters, before, query.limit);
      return {
        data: page.ids.flatMap((id) => this.reads.eventByRow(id) ?? []),
        nextCursor: page.next === null ? null : encodeCursor('event', page.next),
      };
    });
  }

  private chooseLanes(query: EventQuery, parameters: Parameters, before: number): Lane<EventLaneKind>[] {
    const lanes = lanesOf(query, before);
    const narrowest = this.reader.narrowest(lanes, parameters);
    if (narrowest !== null) return [narrowest];
    return this.hourLanes(query, before) ?? [lanes[0] ?? { kind: 'all', key: null, head: before }];
  }

  private hourLanes({ fromSeconds, toSeconds }: EventQuery, before: number): Lane<EventLaneKind>[] | null {
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

/** The lanes that the query's filters name, the likely narrower ones first. */
function lanesOf(query: EventQuery, head: number): Lane<EventLaneKind>[] {
  const lanes: Lane<EventLaneKind>[] = [];
  if (query.userId !== undefined) lanes.push({ kind: 'user', key: query.userId, head });
  if (query.status === 'dead' || query.status === 'discarded') lanes.push({ kind: query.status, key: null, head });
  if (query.status === 'pending') lanes.push({ kind: 'open', key: null, head });
  if (query.status === 'stored') lanes.push({ kind: 'stored', key: null, head });
  if (query.status === 'delivered') lanes.push({ kind: 'ended', key: null, head });
  if (query.destination !== undefined) lanes.push({ kind: 'destination', key: query.destination, head });
  if (query.eventName !== undefined) lanes.push({ kind: 'name', key: query.eventName, head });
  if (query.clientId !== null) lanes.push({ kind: 'client', key: query.clientId, head });
  return lanes;
}

function parametersOf(query: EventQuery): Parameters {
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
