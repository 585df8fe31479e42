import { join } from 'node:path';

import { openDatabase } from '../backend/src/external-services/sqlite/sqlite-driver';
import {
  openSqliteEventStore,
  type SqliteEventStore,
} from '../backend/src/external-services/sqlite/sqlite-event-store';
import { systemRuntime } from '../backend/src/external-services/system-runtime';

const ignore = (): void => undefined;
const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** All events are within this many hours, for any number of events. */
const HOURS = 240;

/**
 * The parts are chosen so that every filter still has ten full pages among 10 000 events: one user
 * in ten is the same, the others are 100 000; a recursive table keeps its random columns, where a
 * plain subquery would draw again at each use.
 */
const INSERT_EVENTS = `
  WITH RECURSIVE numbers (i, userDice, nameDice, clientDice, storedDice) AS (
    SELECT 1, abs(random()) % 1000000, abs(random()) % 100, abs(random()) % 100, abs(random()) % 100
    UNION ALL
    SELECT i + 1, abs(random()) % 1000000, abs(random()) % 100, abs(random()) % 100, abs(random()) % 100
    FROM numbers WHERE i < :events
  ), timed AS (SELECT *, :firstSeconds + i * :seconds / :events AS seconds FROM numbers)
  INSERT INTO events (event_id, client_id, user_id, event_name, event_time_seconds, value_cents, currency, campaign_id,
    properties, accepted_at, delivery_count, fingerprint)
  SELECT printf('018f0000-0000-7000-8000-%012d', i),
    CASE WHEN clientDice < 60 THEN 'marketing-dashboard' WHEN clientDice < 90 THEN 'shop' ELSE 'app' END,
    'user-' || CASE WHEN userDice < 100000 THEN 'busy' ELSE userDice % 100000 END,
    CASE WHEN nameDice < 40 THEN 'page_view' WHEN nameDice < 65 THEN 'purchase' WHEN nameDice < 80 THEN 'sign_up'
      WHEN nameDice < 92 THEN 'click' ELSE 'refund' END,
    seconds - userDice % 1800, 1999, 'EUR', 'spring', '{"sku":"a-1","count":2}', seconds * 1000, storedDice >= 8,
    randomblob(32)
  FROM timed`;

const INSERT_DELIVERIES = `
  WITH placed AS (SELECT id, accepted_at AS at, (id * 2654435761 >> 9) % 100 AS dice FROM events WHERE delivery_count = 1),
  standing AS (SELECT *, CASE WHEN dice < 84 THEN 'delivered' WHEN dice < 92 THEN 'dead' ELSE 'pending' END AS status FROM placed)
  INSERT INTO deliveries (id, destination, status, due_at, attempts, attempt_limit, tries, is_replay, delivered_at,
    dead_reason, checksum, payload)
  SELECT id * 100, CASE WHEN dice % 10 = 0 THEN 'archive' ELSE 'adeventsx' END, status,
    CASE status WHEN 'pending' THEN at END, status <> 'pending', 10, status <> 'pending', 0,
    CASE status WHEN 'delivered' THEN at + 90 END, CASE status WHEN 'dead' THEN 'rejected' END, randomblob(32), zeroblob(160)
  FROM standing`;

export interface QueryStore {
  readonly store: SqliteEventStore;
  /** A day in its middle, in seconds. */
  readonly day: { readonly fromSeconds: number; readonly toSeconds: number };
}

/**
 * A store of `events` events with the real schema. It is filled without journal and fsync, and
 * indexed at the end.
 */
export async function makeQueryStore(folder: string, events: number): Promise<QueryStore> {
  const options = { path: join(folder, `${String(events)}.db`), log: quiet, runtime: systemRuntime };
  await (await openSqliteEventStore(options)).close();
  const firstSeconds = Math.floor(Date.now() / 1000) - HOURS * 3600;
  fill(options.path, events, firstSeconds);
  const fromSeconds = firstSeconds + (HOURS / 2) * 3600;
  return { store: await openSqliteEventStore(options), day: { fromSeconds, toSeconds: fromSeconds + 24 * 3600 } };
}

function fill(path: string, events: number, firstSeconds: number): void {
  const database = openDatabase(path, { timeout: 1000 });
  try {
    database.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -131072');
    const indexes = database
      .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`)
      .all() as {
      name: string;
      sql: string;
    }[];
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);
    database.prepare(INSERT_EVENTS).run({ events, firstSeconds, seconds: HOURS * 3600 });
    database.exec(INSERT_DELIVERIES);
    for (const { sql } of indexes) database.exec(sql);
  } finally {
    database.close();
  }
}
