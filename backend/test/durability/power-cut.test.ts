import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openVerifiable } from '../contract/sqlite-files';
import { faultsOf } from '../contract/store-fixtures';
import { CrashedDisk, type Leftover } from '../support/crashed-disk';
import { EventClient } from '../support/event-client';
import { FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { patchedBuild } from '../support/patched-build';
import { seededRandom, type SeededRandom } from '../support/seeded-random';
import { readTrace, straceCommand, type TraceStep } from '../support/system-call-trace';

const IMAGES = process.env['LONG'] === '1' ? 5_000 : 50;
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const CONNECTIONS = 4;
const POSTS = 10;
const CONNECTION_FILE = 'backend/src/external-services/stores/sqlite/connection.js';

const hasStrace = spawnSync('strace', ['-V']).status === 0;
// Where tests must not be left out its absence fails them; on a developer's machine it is said aloud.
const canRun = hasStrace || process.env['CI'] === 'true';
if (!canRun) process.stderr.write('power cut: SKIPPED, there is no strace here (apt-get install strace)\n');
const describeWithStrace = canRun ? describe : describe.skip;

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `sluice-${name}-`));
  folders.push(folder);
  return folder;
}

interface Recording {
  readonly folder: string;
  readonly steps: readonly TraceStep[];
  readonly accepted: ReadonlySet<string>;
}

/** Two lives of the gateway on one folder under load: the first is stopped, the second killed. */
async function record(root?: string): Promise<Recording> {
  const folder = newFolder('power');
  const traces = newFolder('traces');
  const destination = new FakeDestination();
  await destination.start();
  const client = new EventClient();
  const steps: TraceStep[] = [];
  const environment = {
    JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
    STORE_URL: `sqlite:${join(folder, 'data', 'gateway.db')}`,
    ADEVENTSX_URL: destination.url,
    ADEVENTSX_API_KEY: 'key-1',
  };
  try {
    for (const life of ['stopped', 'killed']) {
      const trace = join(traces, life);
      const gateway = new GatewayProcess(environment, {
        under: straceCommand(trace),
        ...(root !== undefined && { root }),
      });
      try {
        await gateway.start();
        await client.connect(gateway.url);
        const load = async () => {
          for (let post = 0; post < POSTS; post += 1) await client.postOne();
          await client.postBatch(10);
        };
        await Promise.all(Array.from({ length: CONNECTIONS }, load));
        if (life === 'stopped') await gateway.stop();
      } finally {
        await gateway.kill();
      }
      const offset = steps.length;
      for (const step of await readTrace(trace, folder)) {
        steps.push(step.kind === 'sync' ? { ...step, since: step.since + offset } : step);
      }
    }
  } finally {
    await destination.stop();
  }
  return { folder, steps, accepted: client.accepted };
}

interface Finding {
  readonly step: number;
  readonly leftover: Leftover | 'each its own';
  readonly problem: string;
}

/** What is wrong with one image: events that were answered and are not there, or faults of the store. */
async function examine(image: string, answered: ReadonlySet<string>): Promise<string | null> {
  try {
    const path = join(image, 'data', 'gateway.db');
    const store = await openVerifiable({ path });
    try {
      for (const eventId of answered) {
        const found = await store.events.find({ clientId: 'marketing-dashboard', eventId });
        if (found?.deliveries.length !== 1) return `event ${eventId} was answered and is lost`;
      }
      const [fault] = await faultsOf(store);
      await store.upkeep.check();
      return fault === undefined ? null : `${fault.kind}: ${fault.detail}`;
    } finally {
      await store.upkeep.close();
    }
  } catch (error) {
    return String(error);
  }
}

/** The index of the log is memory that is mapped, never synced: after a crash anything may stand in it. */
function leaveStaleIndex(image: string, random: SeededRandom): void {
  const data = join(image, 'data');
  if (!existsSync(data) || random.next() < 0.5) return;
  const words = Uint32Array.from({ length: 8_192 }, () => random.nextUint32());
  writeFileSync(join(data, 'gateway.db-shm'), words);
}

/** Cuts the power `images` times, at steps spread by the dice, half of them right after an answer. */
async function cutPower({ folder, steps }: Recording, images: number, seed: number): Promise<Finding[]> {
  const random = seededRandom(seed);
  const answers = steps.flatMap((step, index) => (step.kind === 'answer' ? [index] : []));
  const pick = (from: number) => Math.floor(random.next() * from);
  const cuts = Array.from({ length: images }, (_, image) =>
    image % 2 === 0 ? (answers[pick(answers.length)] ?? 0) : pick(steps.length),
  ).sort((a, b) => a - b);
  const disk = new CrashedDisk(folder);
  const answered = new Set<string>();
  const findings: Finding[] = [];
  let opened = 0;
  for (const [index, step] of steps.entries()) {
    disk.apply(step);
    if (step.kind === 'answer') step.eventIds.forEach((id) => answered.add(id));
    while (cuts[opened] === index) {
      opened += 1;
      const image = newFolder('image');
      const leftover = opened % 3 === 0 ? 'none' : undefined;
      disk.writeImage(image, random, leftover);
      leaveStaleIndex(image, random);
      const problem = await examine(image, answered);
      rmSync(image, { recursive: true });
      if (problem !== null) findings.push({ step: index, leftover: leftover ?? 'each its own', problem });
      if (opened % 500 === 0) process.stdout.write(`power cut: ${String(opened)} images\n`);
    }
  }
  if (opened !== images) throw new Error(`${String(opened)} images were opened, not ${String(images)}`);
  return findings;
}

/** The trace is the whole of what happened: everything kept, it gives the very files; and the client knows of no answer that it lacks. */
function assertComplete({ folder, steps, accepted }: Recording): void {
  const isRebuilt = [true, false].some((withUndone) => {
    const disk = new CrashedDisk(folder);
    for (const step of steps) if (withUndone || step.kind !== 'write' || step.isDone) disk.apply(step);
    const image = newFolder('whole');
    disk.writeImage(image, seededRandom(1), 'all');
    return ['gateway.db', 'gateway.db-wal'].every((name) =>
      readFileSync(join(image, 'data', name)).equals(readFileSync(join(folder, 'data', name))),
    );
  });
  expect(isRebuilt).toBe(true);
  const answered = new Set(steps.flatMap((step) => (step.kind === 'answer' ? step.eventIds : [])));
  expect([...accepted].filter((id) => !answered.has(id))).toEqual([]);
  expect(accepted.size).toBe(2 * CONNECTIONS * (POSTS + 10));
}

describeWithStrace(`power cut, seed ${String(SEED)} (set SEED to repeat)`, () => {
  test(
    `${String(IMAGES)} images: nothing that was answered is lost, nothing is half there`,
    async () => {
      const recording = await record();
      assertComplete(recording);
      expect(await cutPower(recording, IMAGES, SEED)).toEqual([]);
    },
    120_000 + IMAGES * 1_000,
  );

  test(
    `${String(IMAGES)} images while checkpoints go on all the time`,
    async () => {
      const [find, replace] = ['wal_autocheckpoint = 4000', 'wal_autocheckpoint = 20'];
      const root = patchedBuild([{ file: CONNECTION_FILE, find, replace }]);
      folders.push(root);
      const recording = await record(root);
      assertComplete(recording);
      const isOfDatabase = (step: TraceStep) => step.kind === 'sync' && step.path.endsWith('gateway.db');
      expect(recording.steps.filter(isOfDatabase).length).toBeGreaterThan(8);
      expect(await cutPower(recording, IMAGES, SEED)).toEqual([]);
    },
    120_000 + IMAGES * 1_000,
  );

  test('the same finds the losses of a build with synchronous=NORMAL', async () => {
    const root = patchedBuild([
      { file: CONNECTION_FILE, find: 'PRAGMA synchronous = FULL', replace: 'PRAGMA synchronous = NORMAL' },
      { file: CONNECTION_FILE, find: 'synchronous !== 2', replace: 'synchronous !== 1' },
    ]);
    folders.push(root);
    const findings = await cutPower(await record(root), 30, SEED);
    expect(findings.filter(({ problem }) => problem.includes('was answered and is lost')).length).toBeGreaterThan(3);
  }, 180_000);
});
