import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '../../..');

export interface Patch {
  /** Below dist/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A copy of the build with a fault put in: shows that a test finds it. Returns its root, which the caller removes. Throws when a patch does not fit. */
export function patchedBuild(patches: readonly Patch[]): string {
  const root = mkdtempSync(join(tmpdir(), 'sluice-patched-'));
  for (const part of ['dist', 'config', 'package.json', 'backend/migrations']) {
    cpSync(join(ROOT, part), join(root, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const { file, find, replace } of patches) {
    const path = join(root, 'dist', file);
    const before = readFileSync(path, 'utf8');
    if (!before.includes(find)) throw new Error(`${file} does not contain: ${find}`);
    writeFileSync(path, before.replaceAll(find, replace));
  }
  return root;
}
