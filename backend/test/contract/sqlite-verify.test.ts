import { openConnection } from '../../src/external-services/sqlite/sqlite-connection';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { acceptKinds, claim, delivered, faultsOf, makeEvent, makeEvents, ROOMY, uuid } from './store-fixtures';
import { newPath, openStore, removeFiles, silentLog } from './sqlite-files';

afterEach(removeFiles);

/** Two events for `ads`, the first delivered; then `change` is done to the file behind the store's back. */
async function faultsAfter(change: string) {
  const path = newPath();
  const store = await openStore({ path });
  await store.accept(makeEvents(2), ROOMY);
  await store.settle((await claim(store, { limit: 1 })).claimed.map((one) => delivered(one)));
  expect(await faultsOf(store)).toEqual([]);
  const connection = await openConnection({ path, log: silentLog, runtime: systemRuntime, busyTimeoutMs: 1000 });
  connection.database.exec(`PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; ${change}`);
  connection.close();
  return { store, faults: await faultsOf(store) };
}

const FLIP_A_BYTE = `UPDATE deliveries SET payload = CAST(replace(CAST(payload AS TEXT), 'ads', 'adr') AS BLOB) WHERE id = 200`;

describe('verify of a SQLite file', () => {
  it.each([
    ['a changed byte of a payload', FLIP_A_BYTE, 'checksum', 'delivery 200'],
    ['a changed checksum', 'UPDATE deliveries SET checksum = zeroblob(32) WHERE id = 100', 'checksum', 'delivery 100'],
    ['a point too many', 'UPDATE points SET count = count + 1', 'points', 'counted 3, stored 2'],
    ['a point that was not counted', `UPDATE points SET pruned = 1`, 'points', 'counted 2, stored 3'],
    ['points that are gone', 'DELETE FROM points', 'points', '2 events'],
    [
      'a count that is wrong',
      `UPDATE tallies SET count = 7 WHERE status = 'pending'`,
      'tally',
      '1 deliveries are pending, 7',
    ],
    ['a count that is gone', `DELETE FROM tallies WHERE status = 'delivered'`, 'tally', 'ads delivered'],
    ['a count of nothing', `INSERT INTO tallies VALUES ('x', 'dead', 2)`, 'tally', '0 deliveries are dead'],
    ['an attempt that was never made', 'UPDATE attempts SET number = 9', 'state', 'attempt 9'],
    ['a state that is none', `UPDATE deliveries SET delivered_at = 1 WHERE id = 200`, 'engine', 'CHECK'],
    ['a time of holds below nothing', `INSERT INTO held_times VALUES ('ads', -1)`, 'engine', 'CHECK'],
  ])('finds %s', async (_title, change, kind, detail) => {
    const { faults } = await faultsAfter(change);
    expect(faults).toEqual([{ kind, detail: expect.stringContaining(detail) }]);
  });

  it('finds deliveries without their event, and an event without its deliveries', async () => {
    const { faults: orphans } = await faultsAfter('DELETE FROM events WHERE id = 2');
    expect(orphans.map(({ kind }) => kind)).toEqual(['state', 'points']);
    const { faults: childless } = await faultsAfter('DELETE FROM deliveries WHERE id = 200');
    expect(childless.map(({ kind }) => kind)).toEqual(['state', 'tally']);
  });

  it('finds attempts without their delivery', async () => {
    const { faults } = await faultsAfter(`INSERT INTO attempts VALUES (555, 1, 1, 1, 'held', 1, '', '', '')`);
    expect(faults).toEqual([{ kind: 'engine', detail: expect.stringContaining('attempts') }]);
  });

  it('leaves the quarantine to whoever sends: a flipped payload comes with the checksum that tells', async () => {
    const { store } = await faultsAfter(FLIP_A_BYTE);
    const { claimed } = await claim(store);
    const [original] = makeEvent({ eventId: uuid(2) }).deliveries;
    expect(claimed).toHaveLength(1);
    expect(claimed[0]?.checksum).toEqual(original?.checksum);
    expect(claimed[0]?.payload).not.toEqual(original?.payload);
  });

  it('reads one moment, however much is written while it reads', async () => {
    const store = await openStore();
    await store.accept(makeEvents(1100), ROOMY);
    const faults = [];
    let next = 5000;
    const written: string[] = [];
    const verifying = store.verify(() => {
      const events = makeEvents(3, () => ({ eventId: uuid((next += 1)) }));
      void acceptKinds(store, events).then((kinds) => written.push(...kinds));
    });
    for await (const fault of verifying) faults.push(fault);
    expect(faults).toEqual([]);
    expect(written.length).toBeGreaterThanOrEqual(9);
  });

  it('may be left half-way', async () => {
    const { store } = await faultsAfter('UPDATE points SET count = 9; UPDATE tallies SET count = 9');
    for await (const fault of store.verify()) {
      expect(fault.kind).toBe('tally');
      break;
    }
    await store.close();
  });
});
