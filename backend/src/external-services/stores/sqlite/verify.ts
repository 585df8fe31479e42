import { createHash } from 'node:crypto';
import type { StoreFault } from '../../../interfaces/event-store';
import type { Runtime } from '../../../interfaces/runtime';
import type { PointsDifference } from '../../../interfaces/store-archive';
import type { StatusCount } from '../../../types/delivery';
import type { DeliveryStatus } from '../../../types/event';
import type { SqliteConnection } from './connection';
import type { Statement } from './driver';
import { betweenIdsOf } from './rows';
import { MAX_DELIVERIES_PER_EVENT } from '../rules';

/**
 * Reads everything through a connection of its own, in one snapshot, so that what the gateway writes meanwhile is not taken
 * for a fault. SQLite's own check comes first and blocks the thread until it is done; the rest is read in pieces.
 */

interface StoredDelivery {
  readonly id: number;
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly checksum: Uint8Array;
  readonly payload: Uint8Array;
}

interface PointsRow {
  readonly user_id: string;
  readonly event_name: string;
  readonly count: number;
  readonly pruned: number;
}

const PIECE = 500;

const SELECT_EVENTS = `
  SELECT e.id, e.event_id, e.delivery_count,
    (SELECT count(*) FROM deliveries AS d WHERE d.id ${betweenIdsOf('e.id')}) AS deliveries
  FROM events AS e WHERE e.id > ? ORDER BY e.id LIMIT ?`;

const SELECT_DELIVERIES = `
  SELECT id, destination, status, attempts, checksum, payload FROM deliveries WHERE id > ? ORDER BY id LIMIT ?`;

// node:sqlite binds every number as REAL, which a column's affinity mends and arithmetic does not.
const SELECT_DELIVERY_STATE = `
  SELECT (SELECT count(*) FROM events WHERE id = CAST(?1 AS INTEGER) / ${MAX_DELIVERIES_PER_EVENT}) AS events,
    (SELECT max(number) FROM attempts WHERE delivery_id = ?1) AS lastAttempt`;

const SELECT_POINTS = `
  SELECT user_id, event_name, count, pruned FROM points WHERE (user_id, event_name) > (?, ?)
  ORDER BY user_id, event_name LIMIT ?`;

const COUNT_EVENTS =
  'SELECT count(*) AS count FROM events INDEXED BY events_by_user WHERE user_id = ? AND event_name = ?';

/** Checks the store that `reader` reads; yields each fault. */
export async function* verifyStore(
  reader: SqliteConnection,
  runtime: Runtime,
  onProgress: (checkedEvents: number) => void,
): AsyncGenerator<StoreFault> {
  reader.database.exec('BEGIN');
  try {
    yield* checkEngine(reader);
    const events = yield* checkEvents(reader, runtime, onProgress);
    const counts = yield* checkDeliveries(reader, runtime);
    yield* checkCounters(reader, counts);
    yield* checkPoints(reader, runtime, events);
  } catch (error) {
    // What cannot be read ends the check and is itself what was looked for.
    yield { kind: 'engine', detail: String(error) };
  } finally {
    if (reader.database.isTransaction) reader.database.exec('ROLLBACK');
  }
}

function* checkEngine(reader: SqliteConnection): Generator<StoreFault> {
  const rows = reader.prepare<{ integrity_check: string }>('PRAGMA integrity_check').all();
  for (const { integrity_check: detail } of rows) {
    if (detail !== 'ok') yield { kind: 'engine', detail };
  }
  for (const row of reader.prepare<{ table: string; rowid: number | null }>('PRAGMA foreign_key_check').all()) {
    yield { kind: 'engine', detail: `a row of ${row.table} belongs to nothing` };
  }
}

/** Returns how many events there are. */
async function* checkEvents(reader: SqliteConnection, runtime: Runtime, onProgress: (checked: number) => void) {
  type Row = { id: number; event_id: string; delivery_count: number; deliveries: number };
  const select = reader.prepare<Row>(SELECT_EVENTS);
  let checked = 0;
  for (let rows = select.all(0, PIECE); rows.length > 0; rows = select.all(rows.at(-1)?.id ?? 0, PIECE)) {
    for (const row of rows) {
      if (row.deliveries !== row.delivery_count) {
        const detail = `event ${row.event_id} has ${row.deliveries} deliveries, ${row.delivery_count} were accepted`;
        yield { kind: 'state', detail } satisfies StoreFault;
      }
    }
    checked += rows.length;
    onProgress(checked);
    await runtime.turn();
  }
  return checked;
}

/** Returns how many deliveries stand in each status. */
async function* checkDeliveries(reader: SqliteConnection, runtime: Runtime) {
  const select = reader.prepare<StoredDelivery>(SELECT_DELIVERIES);
  const selectState = reader.prepare<{ events: number; lastAttempt: number | null }>(SELECT_DELIVERY_STATE);
  const counts = new Map<string, number>();
  for (let rows = select.all(0, PIECE); rows.length > 0; rows = select.all(rows.at(-1)?.id ?? 0, PIECE)) {
    for (const row of rows) {
      yield* checkDelivery(row, selectState);
      const key = counterKey(row);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    await runtime.turn();
  }
  return counts;
}

function* checkDelivery(
  row: StoredDelivery,
  selectState: Statement<{ events: number; lastAttempt: number | null }>,
): Generator<StoreFault> {
  if (!createHash('sha256').update(row.payload).digest().equals(row.checksum)) {
    yield { kind: 'checksum', detail: `the payload of delivery ${row.id} is not what was accepted` };
  }
  const { events, lastAttempt } = selectState.get(row.id) ?? { events: 0, lastAttempt: null };
  if (events !== 1) yield { kind: 'state', detail: `delivery ${row.id} has no event` };
  // A claimed attempt is recorded when it ends; one that was passed over never is.
  const ended = row.status === 'delivering' ? row.attempts - 1 : row.attempts;
  if ((lastAttempt ?? 0) > ended) {
    yield { kind: 'state', detail: `delivery ${row.id} has an attempt ${lastAttempt ?? 0}, but only ${ended} ended` };
  }
}

function* checkCounters(reader: SqliteConnection, counts: Map<string, number>): Generator<StoreFault> {
  for (const counter of reader.prepare<StatusCount>('SELECT destination, status, count FROM tallies').all()) {
    const counted = counts.get(counterKey(counter)) ?? 0;
    counts.delete(counterKey(counter));
    if (counted !== counter.count) {
      yield {
        kind: 'tally',
        detail: `${counter.destination}: ${counted} deliveries are ${counter.status}, ${counter.count} are noted`,
      };
    }
  }
  for (const [key, counted] of counts) yield { kind: 'tally', detail: `${key}: ${counted} deliveries, none are noted` };
}

/** Every row of points must be the events stored plus those pruned, and together they must be all events. */
async function* checkPoints(reader: SqliteConnection, runtime: Runtime, events: number): AsyncGenerator<StoreFault> {
  let accounted = 0;
  const differences = recountPoints(reader, runtime, (_rows, stored) => (accounted = stored));
  for await (const { userId, eventName, counted, recounted } of differences) {
    const detail = `user ${userId}, ${eventName}: counted ${counted}, stored ${recounted} with those pruned`;
    yield { kind: 'points', detail };
  }
  if (accounted !== events) yield { kind: 'points', detail: `${events - accounted} events are counted for nobody` };
}

/** Counts each row of points anew; yields those that differ. `onDone` gets how many rows there are, and how many stored events they cover. */
export async function* recountPoints(
  reader: SqliteConnection,
  runtime: Runtime,
  onDone: (rows: number, stored: number) => void,
): AsyncGenerator<PointsDifference> {
  const select = reader.prepare<PointsRow>(SELECT_POINTS);
  const countEvents = reader.prepare<{ count: number }>(COUNT_EVENTS);
  let [counted, accounted] = [0, 0];
  for (let rows = select.all('', '', PIECE); rows.length > 0;) {
    for (const row of rows) {
      const stored = countEvents.get(row.user_id, row.event_name)?.count ?? 0;
      accounted += stored;
      const recounted = stored + row.pruned;
      if (row.count !== recounted) {
        yield { userId: row.user_id, eventName: row.event_name, counted: row.count, recounted };
      }
    }
    counted += rows.length;
    const last = rows.at(-1);
    await runtime.turn();
    rows = last === undefined ? [] : select.all(last.user_id, last.event_name, PIECE);
  }
  onDone(counted, accounted);
}

function counterKey({ destination, status }: { destination: string; status: DeliveryStatus }): string {
  return `${destination} ${status}`;
}
