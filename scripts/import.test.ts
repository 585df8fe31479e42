import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { purchase, TestGateway } from '../backend/test/support/test-gateway';

const SCRIPT = path.join(__dirname, '../dist/scripts/import.js');
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-import-'));
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await new TestGateway().start();
});

afterAll(async () => {
  await gateway.dispose();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(...given: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...given, '--url', gateway.url], {
    env: { PATH: process.env['PATH'] ?? '' },
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  const ended = new Promise<Run>((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  return { child, ended };
}

const run = (...given: string[]): Promise<Run> => start(...given).ended;

function file(name: string, lines: readonly string[]): string {
  const place = path.join(folder, name);
  writeFileSync(place, `${lines.join('\n')}\n`);
  return place;
}

async function countOf(userId: string): Promise<number> {
  const { body } = await gateway.get(`/users/${userId}/points`);
  return (body as { events: { count: number }[] }).events.reduce((sum, { count }) => sum + count, 0);
}

test('imports NDJSON, says what was refused and why, and counts nothing twice when run again', async () => {
  const user_id = randomUUID();
  const good = Array.from({ length: 300 }, () => JSON.stringify(purchase({ user_id })));
  const bad = [
    JSON.stringify(purchase({ user_id, value: 'ten' })),
    '{"broken',
    JSON.stringify(purchase({ user_id, campaign_id: undefined })),
  ];
  const place = file('events.ndjson', [...good.slice(0, 100), ...bad, ...good.slice(100)]);
  const first = await run(place);
  expect(first.err).toBe('');
  expect(first.out).toContain('303 records: 300 accepted, 0 there already, 3 refused');
  expect(first.out).toMatch(/1 × \/value: .*\(line 101\)/);
  expect(first.out).toMatch(/1 × invalid_json: .*\(line 102\)/);
  expect(first.out).toMatch(/1 × \/campaign_id: is required for purchase \(line 103\)/);
  expect(first.code).toBe(3);
  expect((await run(place)).out).toContain('303 records: 0 accepted, 300 there already, 3 refused');
  expect(await countOf(user_id)).toBe(300);
});

test('imports CSV with quoted cells', async () => {
  const user_id = `a, "b" ${randomUUID().slice(0, 8)}`;
  const epoch = String(Math.floor(Date.now() / 1000));
  const place = file('events.csv', [
    'user_id,event_name,event_time_epoch,value,campaign_id,properties',
    `"${user_id.replaceAll('"', '""')}",purchase,${epoch},1.005,"two\nlines","{""a"":1}"`,
    `x,login,${epoch},,,`,
    `x,login,${epoch}`,
  ]);
  const { out, code } = await run(place);
  expect(out).toContain('3 records: 2 accepted, 0 there already, 1 refused');
  expect(out).toMatch(/1 × has 3 cells, the header has 6 \(line 5\)/);
  expect(code).toBe(3);
  const { body } = await gateway.get(`/events/user/${encodeURIComponent(user_id)}`);
  expect((body as { data: unknown[] }).data).toMatchObject([
    { value_cents: 101, campaign_id: 'two\nlines', properties: { a: 1 } },
  ]);
});

test('reads files as other programs write them, and names the line of each fault', async () => {
  const event = (fields: object = {}) => JSON.stringify(purchase({ user_id: randomUUID(), ...fields }));
  const place = path.join(folder, 'odd.ndjson');
  const text = [event(), '', event({ value: 'ten' }), '\r', event(), event({ user_id: 'é' })].join('\n');
  // A byte order mark first, and Latin-1 after it.
  writeFileSync(place, Buffer.concat([Buffer.from('\ufeff'), Buffer.from(text, 'latin1')]));
  const { out } = await run(place);
  expect(out).toContain('4 records: 2 accepted, 0 there already, 2 refused');
  expect(out).toMatch(/1 × \/value: .*\(line 3\)/);
  expect(out).toContain('1 × the line is not UTF-8 (line 6)');
});

test('a cell of CSV is a value, whatever it looks like', async () => {
  const place = file('odd.csv', [
    'user_id,event_name,event_time_epoch,properties',
    'a,login,"1,""campaign_id"":""c""",',
    `a,login,${String(Math.floor(Date.now() / 1000))},{a:1}`,
  ]);
  const { out } = await run(place);
  expect(out).toContain('2 records: 0 accepted, 0 there already, 2 refused');
  expect(out).toMatch(/1 × \/event_time_epoch: .*\(line 2\)/);
  expect(out).toMatch(/1 × \/properties: .*\(line 3\)/);
});

test('killed in the middle and started again, it loses and doubles nothing', async () => {
  const user_id = randomUUID();
  const place = file(
    'many.ndjson',
    Array.from({ length: 20_000 }, () => JSON.stringify(purchase({ user_id }))),
  );
  const state = `${place}.import-state`;
  const { child, ended } = start(place);
  const isSaved = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => {
      if (!existsSync(state)) return;
      watcher.close();
      resolve();
    });
  });
  await Promise.race([isSaved, ended]);
  child.kill('SIGKILL');
  expect((await ended).code).toBeNull();
  const again = await run(place);
  expect(again.err).toMatch(/resuming after \d+ records/);
  expect(again.out).toMatch(/^20000 records: \d+ accepted, \d+ there already, 0 refused/);
  expect(await countOf(user_id)).toBe(20_000);
  expect([again.code, existsSync(state)]).toEqual([0, false]);
}, 120_000);

test.each([
  [[], 'name one file'],
  [['/nowhere/events.ndjson'], 'there is no file'],
])('wrong arguments %j are told, with the help', async (given, words) => {
  const { code, err } = await run(...given);
  expect(code).toBe(2);
  expect(err).toContain(words);
  expect(err).toContain('npm run import');
});
