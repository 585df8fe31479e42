import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const SECONDS = 3;

/**
 * The disk's own limit: how many times a second 4 KiB can be appended and synced. No durable store
 * commits faster.
 */
export function diskScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-disk-'));
  const file = openSync(join(folder, 'probe'), 'w');
  const page = Buffer.alloc(4096, 1);
  const times: number[] = [];
  try {
    const end = performance.now() + SECONDS * 1000;
    for (let now = performance.now(); now < end;) {
      writeSync(file, page);
      fdatasyncSync(file);
      const then = performance.now();
      times.push(then - now);
      now = then;
    }
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(2);
  console.log(`  ${Math.round(times.length / SECONDS)} syncs/s of 4 KiB (p50 ${at(0.5)} ms, p99 ${at(0.99)} ms)`);
  return Promise.resolve();
}
