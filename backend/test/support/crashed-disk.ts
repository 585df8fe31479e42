import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { SeededRandom } from './seeded-random';
import type { TraceStep } from './system-call-trace';

const SECTOR = 512;

/** How much of what was not synced a crash leaves. */
const LEFTOVERS = ['none', 'all', 'some', 'torn'] as const;
export type Leftover = (typeof LEFTOVERS)[number];

type Change = { readonly at: number } & (
  | { readonly kind: 'write'; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }
);

/** A file's bytes: what is on the disk for certain, and what may be. */
class TracedFile {
  private durable: Buffer = Buffer.alloc(0);
  private pending: Change[] = [];

  add(change: Change): void {
    this.pending.push(change);
  }

  sync(since: number): void {
    for (const change of this.pending) if (change.at < since) this.durable = applied(this.durable, change);
    this.pending = this.pending.filter(({ at }) => at >= since);
  }

  image(leftover: Leftover, random: SeededRandom): Buffer {
    let bytes: Buffer = Buffer.from(this.durable);
    for (const change of this.pending) {
      if (leftover === 'all' || (leftover === 'some' && random.next() < 0.5)) bytes = applied(bytes, change);
      if (leftover === 'torn') bytes = change.kind === 'write' ? torn(bytes, change, random) : bytes;
    }
    return bytes;
  }
}

function applied(bytes: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') return resized(bytes, change.size);
  const grown = resized(bytes, Math.max(bytes.length, change.offset + change.data.length));
  change.data.copy(grown, change.offset);
  return grown;
}

/** Each sector of the write is there or is not; the file is as long as if all were. */
function torn(bytes: Buffer, { offset, data }: { offset: number; data: Buffer }, random: SeededRandom): Buffer {
  const end = offset + data.length;
  const grown = resized(bytes, Math.max(bytes.length, end));
  for (let from = offset; from < end;) {
    const to = Math.min(end, (Math.floor(from / SECTOR) + 1) * SECTOR);
    if (random.next() < 0.5) data.copy(grown, from, from - offset, to - offset);
    from = to;
  }
  return grown;
}

function resized(bytes: Buffer, size: number): Buffer {
  return size <= bytes.length ? bytes.subarray(0, size) : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}

/** A folder's names: they are lost with a crash too, in the order in which they changed, unless the folder was synced. */
class TracedFolder {
  private durable = new Map<string, TracedFile | TracedFolder>();
  private pending: { readonly at: number; readonly name: string; readonly entry: TracedFile | TracedFolder | null }[] =
    [];

  get(name: string): TracedFile | TracedFolder | null {
    const last = this.pending.findLast((change) => change.name === name);
    return last === undefined ? (this.durable.get(name) ?? null) : last.entry;
  }

  set(name: string, entry: TracedFile | TracedFolder | null, at: number): void {
    this.pending.push({ at, name, entry });
  }

  sync(since: number): void {
    this.durable = this.names(this.pending.filter(({ at }) => at < since).length);
    this.pending = this.pending.filter(({ at }) => at >= since);
  }

  image(leftover: Leftover, random: SeededRandom): Map<string, TracedFile | TracedFolder> {
    const { length } = this.pending;
    const kept = leftover === 'none' ? 0 : leftover === 'all' ? length : Math.floor(random.next() * (length + 1));
    return this.names(kept);
  }

  /** As they stand after the first so many of the pending changes. */
  private names(count: number): Map<string, TracedFile | TracedFolder> {
    const names = new Map(this.durable);
    for (const { name, entry } of this.pending.slice(0, count)) {
      if (entry === null) names.delete(name);
      else names.set(name, entry);
    }
    return names;
  }
}

/** A folder as a disk holds it: takes traced steps and makes images of what a power cut at this moment could leave. */
export class CrashedDisk {
  private readonly root = new TracedFolder();
  private at = 0;

  constructor(private readonly folder: string) {}

  apply(step: TraceStep): void {
    const at = this.at++;
    if (step.kind === 'answer') return;
    const { parent, name } = this.locate(step.path);
    const entry = name === '' ? this.root : parent.get(name);
    switch (step.kind) {
      case 'create':
        if (entry === null) parent.set(name, new TracedFile(), at);
        return;
      case 'mkdir':
        return parent.set(name, new TracedFolder(), at);
      case 'unlink':
        return parent.set(name, null, at);
      case 'sync':
        return entry?.sync(step.since);
      case 'write':
      case 'truncate':
        if (!(entry instanceof TracedFile)) throw new Error(`${step.kind} of ${step.path}, which was never made`);
        entry.add({ ...step, at });
    }
  }

  /** Writes to `target` what a power cut now could leave, each file and folder by a choice of its own. */
  writeImage(target: string, random: SeededRandom, leftover?: Leftover): void {
    const choose = (): Leftover => leftover ?? LEFTOVERS[random.nextUint32() % LEFTOVERS.length] ?? 'none';
    const write = (folder: TracedFolder, path: string): void => {
      mkdirSync(path, { recursive: true });
      for (const [name, entry] of folder.image(choose(), random)) {
        if (entry instanceof TracedFolder) write(entry, join(path, name));
        else writeFileSync(join(path, name), entry.image(choose(), random));
      }
    };
    write(this.root, target);
  }

  private locate(path: string): { readonly parent: TracedFolder; readonly name: string } {
    const parts = path.slice(this.folder.length + 1).split('/');
    const name = parts.pop() ?? '';
    let parent: TracedFolder = this.root;
    for (const part of parts) {
      const next = parent.get(part);
      if (!(next instanceof TracedFolder)) throw new Error(`${path}: there is no folder ${part}`);
      parent = next;
    }
    return { parent, name };
  }
}
