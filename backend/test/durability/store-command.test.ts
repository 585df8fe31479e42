import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { openDatabase } from '../../src/external-services/stores/sqlite/driver';
import { purchase, TestGateway } from '../support/test-gateway';

/** `npm run store -- …` as a process of its own, beside a gateway that goes on running. */

const COMMAND = join(__dirname, '../../../dist/backend/src/store-command.js');
const EVENTS = 25;
const gateway = new TestGateway({ ADEVENTSX_URL: 'http://127.0.0.1:9/v1', ADEVENTSX_API_KEY: 'k' });
let store = '';
const ids: string[] = [];

async function run(...args: string[]) {
  const env = { PATH: process.env['PATH'] ?? '', STORE_URL: `sqlite:${store}`, LEASE_MS: 'not asked for' };
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

const file = (name: string): string => join(gateway.folder, name);

/** A copy of the store that a test may damage. */
async function damagedCopy(name: string, damage: (path: string) => void): Promise<string> {
  expect(await run('backup', file(name))).toMatchObject({ code: 0 });
  damage(file(name));
  return `sqlite:${file(name)}`;
}

function change(sql: string): (path: string) => void {
  return (path) => {
    const database = openDatabase(path, { timeout: 1000 });
    database.exec(sql);
    database.close();
  };
}

beforeAll(async () => {
  await gateway.start();
  store = file('gateway.db');
  const later = new Date(Date.now() + 86_400_000).toISOString();
  for (let number = 0; number < EVENTS; number += 1) {
    const { body } = await gateway.post('/events', purchase({ user_id: `u-${String(number % 3)}`, deliver_at: later }));
    ids.push((body as { event_id: string }).event_id);
  }
}, 60_000);

afterAll(() => gateway.dispose());

test('verify finds no fault in a store in use', async () => {
  expect(await run('verify')).toEqual({
    code: 0,
    out: '',
    err: expect.stringContaining('25 events checked, no fault'),
  });
});

test('verify lists what is wrong: a changed byte of a payload, a lost delivery, a wrong count', async () => {
  const byte = await damagedCopy('byte.db', (path) => {
    const bytes = readFileSync(path);
    // A page may hold an older copy of what it holds.
    const payload = `{"id":"${ids[3] ?? ''}","user"`;
    for (let at = bytes.indexOf(payload); at !== -1; at = bytes.indexOf(payload, at)) bytes[at + 2] = 0x49;
    writeFileSync(path, bytes);
  });
  expect(await run('verify', '--store', byte)).toMatchObject({
    ...{
      code: 1,
      err: expect.stringContaining('1 faults'),
      out: expect.stringMatching(/^checksum: the payload of delivery \d+/),
    },
  });
  const count = await damagedCopy('count.db', change('UPDATE tallies SET count = count + 1'));
  expect(await run('verify', '--store', count)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^tally: adeventsx/),
  });
  const lost = await damagedCopy(
    'lost.db',
    change('DELETE FROM deliveries WHERE id = (SELECT max(id) FROM deliveries)'),
  );
  expect(await run('verify', '--store', lost)).toMatchObject({
    code: 1,
    out: expect.stringContaining('has 0 deliveries'),
  });
});

test('recount finds the ledger right, and names the user where it is not', async () => {
  expect(await run('recount')).toMatchObject({
    code: 0,
    out: '',
    err: expect.stringContaining('3 counts, no difference'),
  });
  const copy = await damagedCopy('points.db', change(`UPDATE points SET count = count + 5 WHERE user_id = 'u-1'`));
  const { code, out } = await run('recount', '--store', copy);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({ user_id: 'u-1', event_name: 'purchase', counted: 13, recounted: 8 });
});

test('export writes every event with its deliveries, oldest first, to standard output or to a file', async () => {
  const { code, out, err } = await run('export');
  expect([code, err]).toEqual([0, '25 events exported\n']);
  const events = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event_id: string; deliveries: object[] });
  expect(events.map(({ event_id }) => event_id)).toEqual(ids);
  expect(events[0]?.deliveries).toMatchObject([
    { destination: 'adeventsx', status: 'pending', payload: { id: ids[0] } },
  ]);
  expect(await run('export', file('events.ndjson'))).toMatchObject({ code: 0, out: '' });
  expect(readFileSync(file('events.ndjson'), 'utf8')).toBe(out);
  expect(await run('export', file('events.ndjson'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('--force'),
  });
  expect(await run('export', file('events.ndjson'), '--force')).toMatchObject({ code: 0 });
});

test('backup makes one verified file of a store in use, for this user alone, and a gateway starts on it', async () => {
  const copy = file('copy.db');
  const posting = Promise.all(
    Array.from({ length: 20 }, () => gateway.post('/events', purchase({ event_name: 'login' }))),
  );
  expect(await run('backup', copy)).toMatchObject({ code: 0, err: expect.stringContaining('verified copy') });
  await posting;
  expect(readdirSync(gateway.folder).filter((name) => name.startsWith('copy.db'))).toEqual(['copy.db']);
  expect(statSync(copy).mode & 0o077).toBe(0);
  expect(await run('verify', '--store', `sqlite:${copy}`)).toMatchObject({ code: 0 });

  const restored = await new TestGateway({ STORE_URL: `sqlite:${copy}` }).start();
  try {
    for (const id of [ids[0], ids.at(-1)]) {
      expect((await restored.get(`/events/${String(id)}`)).body).toMatchObject({ event_id: id, status: 'pending' });
    }
  } finally {
    await restored.dispose();
  }
});

test('backup replaces a file only with --force, and never by a copy with a fault', async () => {
  const target = file('kept.db');
  writeFileSync(target, 'precious');
  expect(await run('backup', target)).toMatchObject({ code: 2, err: expect.stringContaining('--force') });
  const faulty = await damagedCopy('faulty.db', change('UPDATE tallies SET count = count + 1'));
  const refused = await run('backup', target, '--force', '--store', faulty);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('the copy has a fault') });
  expect(readFileSync(target, 'utf8')).toBe('precious');
  expect(existsSync(`${target}.partial`)).toBe(false);
  expect(await run('backup', target, '--force')).toMatchObject({ code: 0 });
  expect(await run('verify', '--store', `sqlite:${target}`)).toMatchObject({ code: 0 });
});

test('what is no store is refused in words, and nothing is made', async () => {
  expect(await run('verify', '--store', `sqlite:${file('none.db')}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('there is no store at'),
  });
  expect(existsSync(file('none.db'))).toBe(false);
  writeFileSync(file('text.db'), 'not a database, but longer than a header of a hundred bytes '.repeat(50));
  expect(await run('verify', '--store', `sqlite:${file('text.db')}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('not a database'),
  });
  copyFileSync(file('text.db'), file('empty.db'));
  writeFileSync(file('empty.db'), '');
  expect(await run('verify', '--store', `sqlite:${file('empty.db')}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('holds no store'),
  });
});

test.each<[string[], string]>([
  [[], 'a verb is missing'],
  [['check'], 'check is no verb'],
  [['verify', 'x'], 'x is one argument too many'],
  [['backup'], 'needs the FILE'],
  [['verify', '--fast'], '--fast'],
  [['verify', '--store', 'gateway.db'], 'sqlite:<path of the database file>'],
])('wrong arguments %j are told, with exit code 2', async (args, words) => {
  expect(await run(...args)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) });
});

test('--help explains each verb', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  for (const verb of ['verify', 'recount', 'export', 'backup', '--store', '--force']) expect(out).toContain(verb);
});
