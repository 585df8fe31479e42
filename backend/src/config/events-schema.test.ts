import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import Ajv from 'ajv';
import { parse } from 'yaml';

import { readCatalogueFile } from './events';

const CONFIG = join(__dirname, '../../../config');
const schema = JSON.parse(readFileSync(join(CONFIG, 'events.schema.json'), 'utf8')) as object;
const isValid = new Ajv({ allErrors: true }).compile(schema);
const folder = mkdtempSync(join(tmpdir(), 'sluice-catalogue-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function isRead(text: string): Promise<boolean> {
  const path = join(folder, 'events.yml');
  writeFileSync(path, text);
  return readCatalogueFile(path).then(
    () => true,
    () => false,
  );
}

test('the shipped catalogue meets the schema that editors read, and names it', () => {
  const text = readFileSync(join(CONFIG, 'events.yml'), 'utf8');
  expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/events\.schema\.json\n/);
  expect(isValid(parse(text))).toBe(true);
});

test.each([
  ['events: [{ name: a, destinations: [x] }]', true],
  ['events: [{ name: a, points: 3, requires: [value], description: text }]', true],
  ['events: [{ name: a, negative: true }, { name: b, negative: false }]', true],
  ['events: [{ name: a, negative: yes please }]', false],
  ['events: [{ name: a, negative: 1 }]', false],
  ['events: []', false],
  ['event: []', false],
  ['events: [{ points: 3 }]', false],
  ['events: [{ name: 1a }]', false],
  ['events: [{ name: a, points: -1 }]', false],
  ['events: [{ name: a, points: 1.5 }]', false],
  ['events: [{ name: a, requires: [colour] }]', false],
  ['events: [{ name: a, requires: [value, value] }]', false],
  ['events: [{ name: a, colour: red }]', false],
  ['events: [{ name: a, destinations: x }]', false],
  ['events: [{ name: a, destinations: [x, x] }]', false],
])('the schema and the reader agree: %s', async (text, expected) => {
  expect([isValid(parse(text)), await isRead(text)]).toEqual([expected, expected]);
});
