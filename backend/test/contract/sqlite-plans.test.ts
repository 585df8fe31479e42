import { SELECT_DUE, SELECT_NEXT_DUE } from '../../src/external-services/sqlite/delivery-verbs';
import { DELIVERY_LANES, matchingDeliveries } from '../../src/external-services/sqlite/list-deliveries';
import { EVENT_LANES, matchingEvents, SELECT_HOURS } from '../../src/external-services/sqlite/list-events';
import { openConnection, type SqliteConnection } from '../../src/external-services/sqlite/sqlite-connection';
import { SELECT_OLD } from '../../src/external-services/sqlite/upkeep-verbs';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { newPath, openStore, removeFiles, silentLog } from './sqlite-files';

// What a query costs at ten million rows is decided by its plan, which is the same on an empty table: no table is walked from
// end to end and nothing is sorted that an index has in order.

let connection: SqliteConnection;

beforeAll(async () => {
  const path = newPath();
  await openStore({ path });
  connection = await openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 1000 });
});

afterAll(async () => {
  connection.close();
  await removeFiles();
});

function planOf(sql: string): string[] {
  const rows = connection.prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
  return rows.map(({ detail }) => detail);
}

function steps(plan: readonly string[], pattern: RegExp): string[] {
  return plan.filter((step) => pattern.test(step));
}

const SCANS = /^SCAN (?!lane$|CONSTANT ROW|hours)/;
const SORTS = /USE TEMP B-TREE FOR ORDER BY/;

describe('the plans of lists', () => {
  const cut = 'LIMIT :walk';
  const events = Object.entries(EVENT_LANES).map(([kind, lane]) => [
    'event',
    kind,
    lane,
    matchingEvents(`${lane} ${cut}`),
  ]);
  const deliveries = Object.entries(DELIVERY_LANES).map(([kind, lane]) => {
    return ['delivery', kind, lane, matchingDeliveries(`${lane} ${cut}`)];
  });

  it.each([...events, ...deliveries])(
    'walk the %s lane "%s" in its own order',
    (list, kind, lane = '', matching = '') => {
      const lanePlan = planOf(lane);
      // A user's deliveries are those of the user's events; any other lane is one index.
      expect(lanePlan).toHaveLength(list === 'delivery' && kind === 'user' ? 2 : 1);
      for (const step of lanePlan) {
        expect(step).toMatch(/^SEARCH \w+ USING (COVERING INDEX|INDEX|INTEGER PRIMARY KEY) .*[<>]/);
      }
      const plan = planOf(`${matching} LIMIT 10`);
      expect([...steps(plan, SCANS), ...steps(plan, SORTS)]).toEqual([]);
      // Its rows drive the loop, so that the page can end as soon as it is full.
      expect(plan[0]).toBe('CO-ROUTINE lane');
      expect(plan[lanePlan.length + 1]).toBe('SCAN lane');
      expect(
        steps(plan.slice(lanePlan.length + 2), /^SEARCH/).every((step) =>
          /\((\w+=\? AND )?(rowid|id)[=>]\?/.test(step),
        ),
      ).toBe(true);
    },
  );

  it.each(['user', 'name', 'client', 'hour', 'destination'] as const)(
    'tell how wide the lane "%s" is from the index alone',
    (kind) => expect(planOf(EVENT_LANES[kind])[0]).toContain('COVERING INDEX'),
  );

  it('find the hours of a range by one seek each', () => {
    const plan = planOf(SELECT_HOURS);
    expect(steps(plan, SCANS)).toEqual([]);
    expect(steps(plan, /SEARCH events USING COVERING INDEX events_by_hour/)).toHaveLength(3);
  });
});

describe('the plans of delivering and upkeep', () => {
  it.each([
    ['what is due', SELECT_DUE],
    ['when the next is due', SELECT_NEXT_DUE],
  ])('read %s in the order of the index of open deliveries', (_title, sql) => {
    const plan = planOf(sql);
    expect([...steps(plan, SCANS), ...steps(plan, SORTS)]).toEqual([]);
    expect(plan[0]).toMatch(
      /^SEARCH (d|deliveries) USING (COVERING )?INDEX deliveries_due \(destination=\? AND is_replay=\?/,
    );
  });

  it('read what is old by row number', () => {
    const plan = planOf(SELECT_OLD);
    expect([...steps(plan, SCANS), ...steps(plan, SORTS)]).toEqual([]);
    expect(plan[0]).toMatch(/^SEARCH e USING INTEGER PRIMARY KEY/);
  });

  it.each([
    'SELECT * FROM events WHERE event_id = ? AND client_id = ?',
    'SELECT * FROM events WHERE event_id = ?',
    'DELETE FROM attempts WHERE delivery_id BETWEEN ? AND ?',
    'DELETE FROM deliveries WHERE id BETWEEN ? AND ?',
    'DELETE FROM events WHERE id = ?',
    'SELECT event_name FROM points WHERE user_id = ? ORDER BY event_name',
  ])('search and never scan: %s', (sql) => {
    expect(planOf(sql).every((step) => step.startsWith('SEARCH'))).toBe(true);
  });
});
