import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Runtime } from '../interfaces/runtime';
import { watchFile } from './watch';

const folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
const path = join(folder, 'file');
afterAll(() => rmSync(folder, { recursive: true }));

test('a change is told once, a file that is away for a moment is none, and an end is an end', async () => {
  writeFileSync(path, 'a');
  const changes: string[] = [];
  let pending: (() => void) | null = null;
  let asked: () => void = () => undefined;
  const after = (_ms: number, then: () => void) => {
    pending = then;
    asked();
    return () => (pending = null);
  };
  const end = watchFile(path, 1_000, { after } as Partial<Runtime> as Runtime, async () => {
    changes.push('changed');
  });
  const look = () =>
    new Promise<void>((resolve) => {
      asked = resolve;
      pending?.();
    });
  await look();
  expect(changes).toEqual([]);
  writeFileSync(`${path}.new`, 'another text');
  rmSync(path);
  await look();
  expect(changes).toEqual([]);
  renameSync(`${path}.new`, path);
  await look();
  await look();
  expect(changes).toEqual(['changed']);
  end();
  expect(pending).toBeNull();
});
