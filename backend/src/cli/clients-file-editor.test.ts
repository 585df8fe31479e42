import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { addClient, finishRotation, listClients, rotateSecret } from './clients-file-editor';

const folder = mkdtempSync(join(tmpdir(), 'sluice-clients-'));
const path = join(folder, 'clients.yml');
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  writeFileSync(
    path,
    '# who may\nclients:\n  - id: open # for the desk\n    public: true\n    scopes: [events:read]\n',
  );
  chmodSync(path, 0o600);
});

const digestsOf = async (id: string) =>
  (await listClients(path)).find((client) => client.id === id)?.secretDigests.map((digest) => digest.toString('hex'));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a client is added with a digest, not with its secret; comments and rights stay', async () => {
  const secret = await addClient(path, 'shop', ['events:write']);
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(await digestsOf('shop')).toEqual([sha256(secret)]);
  const text = readFileSync(path, 'utf8');
  expect(text).not.toContain(secret);
  expect(text).toContain('# for the desk');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('while a secret is rotated there are two, the newest last; then one', async () => {
  const first = await addClient(path, 'shop', ['events:write']);
  const second = await rotateSecret(path, 'shop');
  expect(await digestsOf('shop')).toEqual([sha256(first), sha256(second)]);
  const third = await rotateSecret(path, 'shop');
  expect(await digestsOf('shop')).toEqual([sha256(second), sha256(third)]);
  await finishRotation(path, 'shop');
  expect(await digestsOf('shop')).toEqual([sha256(third)]);
});

test.each([
  ['a client that is there', () => addClient(path, 'open', ['events:read']), 'already'],
  ['an id that is none', () => addClient(path, '../x', ['events:read']), '1 to 64 of'],
  ['a secret for a public client', () => rotateSecret(path, 'open'), 'public'],
  ['a client that is not there', () => rotateSecret(path, 'nobody'), 'no client nobody'],
  ['a rotation that was not begun', () => finishRotation(path, 'open'), 'no rotation'],
])('refuses %s and changes nothing', async (_name, change, why) => {
  const before = readFileSync(path, 'utf8');
  await expect(change()).rejects.toThrow(why);
  expect(readFileSync(path, 'utf8')).toBe(before);
  expect(readdirSync(folder)).toEqual(['clients.yml']);
});
