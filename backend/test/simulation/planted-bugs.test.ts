import * as sqliteDriver from '../../src/external-services/stores/sqlite/driver';
import { openConnection } from '../../src/external-services/stores/sqlite/connection';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { newPath, removeFiles, silentLog } from '../contract/sqlite-files';
import { PLANTED_BUGS } from './planted-bugs';
import { simulate } from './simulation';

/** So many seeds, at most, must be enough to notice each. */
const SEEDS = 1_000;

afterEach(() => jest.restoreAllMocks());

const noticed: string[] = [];

// Which promise noticed which bug, for whoever reads the run's output.
afterAll(() => console.info(`The simulation noticed:\n  ${noticed.join('\n  ')}`));

describe('the simulation', () => {
  it.each(PLANTED_BUGS)(
    'notices $name',
    async ({ name, breaks, fault, patch }) => {
      patch?.();
      let caught = 'nothing';
      for (let seed = 1; seed <= SEEDS && caught === 'nothing'; seed += 1) {
        const { violations } = await simulate(seed, { ...fault });
        // What weak references hold is let go only when the event loop turns between two worlds.
        await new Promise(setImmediate);
        const [first] = violations;
        if (first === undefined) continue;
        caught = first.promise;
        noticed.push(`${name} by seed ${seed}: ${caught}`);
      }
      expect(caught).toMatch(breaks);
    },
    600_000,
  );
});

describe('the SQLite adapter', () => {
  afterAll(removeFiles);

  // The simulation's disk shows what NORMAL would lose; that the real file is never opened so, the connection itself asserts.
  it('refuses a connection that runs with synchronous NORMAL', async () => {
    const open = sqliteDriver.openDatabase;
    jest.spyOn(sqliteDriver, 'openDatabase').mockImplementation((...options) => {
      const setting = (sql: string) => sql.replace('synchronous = FULL', 'synchronous = NORMAL');
      return new Proxy(open(...options), {
        get(database, name) {
          if (name === 'exec') return (sql: string) => database.exec(setting(sql));
          const value: unknown = Reflect.get(database, name, database);
          return typeof value === 'function' ? value.bind(database) : value;
        },
      });
    });
    const path = newPath();
    const opening = openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 100 });
    await expect(opening).rejects.toThrow('would not be durable');
  });
});
