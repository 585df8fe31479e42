import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes the database's folder (for this user alone) and its file, and fsyncs every folder that got a new entry: a file whose
 * name is not on the disk is lost with all that was fsynced into it.
 */
export function makeDatabaseFile(path: string): void {
  const folder = dirname(path);
  const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 });
  // SQLite gives its log the same mode.
  closeSync(openSync(path, 'a', 0o600));
  fsyncFolder(folder);
  if (firstMade === undefined) return;
  const outermost = dirname(resolve(firstMade));
  for (let current = folder; current !== outermost;) {
    current = dirname(current);
    fsyncFolder(current);
  }
}

function fsyncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
