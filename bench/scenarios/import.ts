import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { openSqliteEventStore } from '../../backend/src/external-services/sqlite/sqlite-event-store';
import { systemRuntime } from '../../backend/src/external-services/system-runtime';
import { type BenchServer, peakMegabytes, startServer } from '../processes';

const EVENTS = process.env['BENCH_SMALL'] === undefined ? 1_000_000 : 50_000;
const USERS = 1_000;
const PORT = 3912;
const SCRIPT = join(__dirname, '../../scripts/import.js');

const ignore = (): void => undefined;
const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * A million events from a file into a gateway without destinations: at one go, then with importer
 * and gateway killed on the way.
 */
export async function importScenario(): Promise<void> {
  const folder = mkdtempSync(join(process.cwd(), '.bench-import-'));
  const file = join(folder, 'events.ndjson');
  try {
    writeEvents(file);
    await importAtOneGo(folder, file);
    await importWithKills(folder, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function importAtOneGo(folder: string, file: string): Promise<void> {
  const database = join(folder, 'whole.db');
  const gateway = await startGateway(database);
  try {
    const startedAt = performance.now();
    const importer = startImport(file, gateway.url);
    const importerMegabytes = await ended(importer, gateway);
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(
      `  ${String(EVENTS)} events in ${seconds.toFixed(1)} s: ${String(Math.round(EVENTS / seconds))}/s, load ${loadavg()[0]?.toFixed(1) ?? ''}`,
    );
    console.log(
      `  peak memory: gateway ${peakMegabytes(gateway.pid).toFixed(0)} MB, importer ${importerMegabytes.toFixed(0)} MB`,
    );
  } finally {
    await gateway.stop();
  }
  await checkPoints(database);
}

async function importWithKills(folder: string, file: string): Promise<void> {
  const database = join(folder, 'killed.db');
  let gateway = await startGateway(database);
  try {
    const first = startImport(file, gateway.url);
    await reached(file, EVENTS / 3);
    first.kill('SIGKILL');
    await ended(first, gateway, null);
    const second = startImport(file, gateway.url);
    await reached(file, (EVENTS * 2) / 3);
    await gateway.kill();
    gateway = await startGateway(database);
    await ended(second, gateway);
  } finally {
    await gateway.stop();
  }
  await checkPoints(database);
  console.log(
    '  importer killed after a third, gateway after two thirds, resumed: every user has the points of its events',
  );
}

function startGateway(database: string): Promise<BenchServer> {
  return startServer('backend/src/server.js', PORT, '/ready', {
    PORT: String(PORT),
    LOG_LEVEL: 'warn',
    STORE_URL: `sqlite:${database}`,
  });
}

function startImport(file: string, url: string): ChildProcess {
  return spawn(process.execPath, [SCRIPT, file, '--url', url], { stdio: ['ignore', 'ignore', 'ignore'] });
}

/** Waits for the importer's end, which must have this code, and tells its peak memory in MB. */
async function ended(importer: ChildProcess, gateway: BenchServer, code: number | null = 0): Promise<number> {
  let megabytes = 0;
  while (importer.exitCode === null && importer.signalCode === null) {
    // A process that has just ended reports no memory.
    if (importer.pid !== undefined) megabytes = Math.max(megabytes, peakMegabytes(importer.pid) || 0);
    await sleep(100);
  }
  if (importer.exitCode !== code) {
    throw new Error(`the import into ${gateway.url} ended with code ${String(importer.exitCode)}`);
  }
  return megabytes;
}

/** Waits until the importer has noted `records` records as answered. */
async function reached(file: string, records: number): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (Date.now() < deadline) {
    if (recordsSaved(file) >= records) return;
    await sleep(20);
  }
  throw new Error(`the import did not reach ${String(records)} records in 300 s`);
}

function recordsSaved(file: string): number {
  try {
    return (JSON.parse(readFileSync(`${file}.import-state`, 'utf8')) as { records: number }).records;
  } catch {
    return 0;
  }
}

function writeEvents(path: string): void {
  const file = openSync(path, 'w');
  const seconds = Math.floor(Date.now() / 1000);
  let lines = '';
  for (let index = 0; index < EVENTS; index += 1) {
    lines += `{"event_id":"018f0000-0000-7000-8000-${String(index).padStart(12, '0')}","user_id":"user-${String(index % USERS)}","event_name":"purchase","event_time_epoch":${String(seconds - (index % 3600))},"value":"19.99","currency":"EUR","campaign_id":"spring"}\n`;
    if (lines.length < 1_000_000) continue;
    writeSync(file, lines);
    lines = '';
  }
  writeSync(file, lines);
  closeSync(file);
}

/** Throws unless each user has exactly as many events as the file holds. */
async function checkPoints(path: string): Promise<void> {
  const store = await openSqliteEventStore({ path, log: quiet, runtime: systemRuntime });
  try {
    for (let user = 0; user < USERS; user += 1) {
      const [points] = await store.points(`user-${String(user)}`);
      if (points?.count !== EVENTS / USERS) {
        throw new Error(`user-${String(user)} has ${String(points?.count)} events of ${String(EVENTS / USERS)}`);
      }
    }
  } finally {
    await store.close();
  }
}
