import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';

import type { EventQuery } from '../../backend/src/interfaces/event-store';
import { median } from '../load';
import { makeQueryStore, type QueryStore } from '../query-store';

const SMALL_EVENTS = 10_000;
const LARGE_EVENTS = process.env['BENCH_SMALL'] === undefined ? 5_000_000 : 200_000;
const ROUNDS = 60;
const PAGES_IN = 10;
const LIMIT = 50;

type Filter = Partial<Omit<EventQuery, 'limit' | 'cursor'>>;

const FILTERS: Readonly<Record<string, (day: QueryStore['day']) => Filter>> = {
  'no filter': () => ({}),
  client: () => ({ clientId: 'app' }),
  user: () => ({ userId: 'user-busy' }),
  name: () => ({ eventName: 'refund' }),
  'status delivered': () => ({ status: 'delivered' }),
  'status pending': () => ({ status: 'pending' }),
  'status dead': () => ({ status: 'dead' }),
  'status stored': () => ({ status: 'stored' }),
  destination: () => ({ destination: 'archive' }),
  'a day': (day) => day,
  'client + name': () => ({ clientId: 'marketing-dashboard', eventName: 'purchase' }),
  'client + delivered': () => ({ clientId: 'marketing-dashboard', status: 'delivered' }),
  'user + client': () => ({ userId: 'user-busy', clientId: 'marketing-dashboard' }),
  'user + delivered': () => ({ userId: 'user-busy', status: 'delivered' }),
  'name + destination': () => ({ eventName: 'page_view', destination: 'adeventsx' }),
  'a day + client': (day) => ({ ...day, clientId: 'marketing-dashboard' }),
};

interface Times {
  readonly milliseconds: number[];
  rows: number;
}

/** Time per page of GET /events by the store alone: what a store 500 times as large costs more. */
export async function queriesScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-queries-'));
  try {
    const startedAt = performance.now();
    const small = await makeQueryStore(folder, SMALL_EVENTS);
    const large = await makeQueryStore(folder, LARGE_EVENTS);
    console.log(
      `  stores of ${String(SMALL_EVENTS)} and ${String(LARGE_EVENTS)} events made in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
    );
    console.log(
      `  | filter | page | small ms | large ms | ratio | rows | load |\n  | --- | --- | --- | --- | --- | --- | --- |`,
    );
    for (const [name, filterOf] of Object.entries(FILTERS)) {
      for (const pagesIn of [0, PAGES_IN]) await compare(name, filterOf, pagesIn, small, large);
    }
    await small.store.upkeep.close();
    await large.store.upkeep.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** In turns, so that what else the machine does falls on both. */
async function compare(
  name: string,
  filterOf: (day: QueryStore['day']) => Filter,
  pagesIn: number,
  ...stores: [QueryStore, QueryStore]
): Promise<void> {
  const queries = await Promise.all(stores.map((store) => pageQuery(store, filterOf(store.day), pagesIn)));
  const times: Times[] = stores.map(() => ({ milliseconds: [], rows: 0 }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, { store }] of stores.entries()) {
      const query = queries[index];
      const into = times[index];
      if (query === undefined || into === undefined) continue;
      const startedAt = performance.now();
      const page = await store.events.list(query);
      into.milliseconds.push(performance.now() - startedAt);
      into.rows = page.data.length;
    }
  }
  const [small, large] = times.map(({ milliseconds }) => median(milliseconds));
  const ratio = (large ?? Number.NaN) / (small ?? Number.NaN);
  const cells = [
    name,
    String(pagesIn + 1),
    small?.toFixed(2),
    large?.toFixed(2),
    ratio.toFixed(2),
    times.map(({ rows }) => rows).join(' and '),
    loadavg()[0]?.toFixed(1),
  ];
  console.log(`  | ${cells.join(' | ')} |`);
}

async function pageQuery({ store }: QueryStore, filter: Filter, pagesIn: number): Promise<EventQuery> {
  let query: EventQuery = { clientId: null, limit: LIMIT, ...filter };
  for (let page = 0; page < pagesIn; page += 1) {
    const { nextCursor } = await store.events.list(query);
    if (nextCursor === null)
      throw new Error(`the list ends before page ${String(pagesIn + 1)}: ${JSON.stringify(filter)}`);
    query = { ...query, cursor: nextCursor };
  }
  return query;
}
