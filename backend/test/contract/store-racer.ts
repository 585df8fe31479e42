import { openSqliteEventStore } from '../../src/external-services/stores/sqlite/sqlite-event-store';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { claim, delivered, makeEvents, ROOMY } from './store-fixtures';
import { silentLog } from './sqlite-files';

/** What a racer won, as it reports at its end. */
export interface Won {
  readonly inserted: string[];
  duplicates: number;
  readonly delivered: number[];
}

/**
 * One process of a race, started by sqlite-races.test.ts: accepts the same events as its rivals, then delivers what it can get,
 * and says in one line of JSON what it won.
 */
async function race(path: string, count: number): Promise<void> {
  const store = await openSqliteEventStore({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 20_000 });
  process.send?.('ready');
  await new Promise((resolve) => process.once('message', resolve));
  const won: Won = { inserted: [], duplicates: 0, delivered: [] };
  const events = makeEvents(count);
  for (let start = 0; start < count; start += 3) {
    const group = events.slice(start, start + 3);
    const results = await store.events.accept(group, ROOMY);
    results.forEach(({ kind }, index) => {
      if (kind === 'inserted') won.inserted.push(group[index]?.event.eventId ?? '');
      else if (kind === 'duplicate') won.duplicates += 1;
    });
    const { claimed } = await claim(store, { now: 1, limit: 2 });
    const settled = await store.deliveries.settle(claimed.map((one) => delivered(one)));
    claimed.forEach(({ deliveryId }, index) => settled[index] === 'applied' && won.delivered.push(deliveryId));
  }
  await store.upkeep.close();
  process.send?.(won);
  process.disconnect();
}

const [path = '', count = '0'] = process.argv.slice(2);
void race(path, Number(count));
