import { createReadStream } from 'node:fs';
import readline from 'node:readline';

/** What a process did to one folder, and what it answered, in the order in which the system saw it. */
export type TraceStep =
  | { readonly kind: 'create' | 'mkdir' | 'unlink'; readonly path: string }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly offset: number;
      readonly data: Buffer;
      /** False when the process was killed in the call: it may have happened. */
      readonly isDone: boolean;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  /** A sync that returned; it covers the steps before `since`, where it was called. */
  | { readonly kind: 'sync'; readonly path: string; readonly since: number }
  /** The bytes of an answer that says these events are accepted were handed to a socket. */
  | { readonly kind: 'answer'; readonly eventIds: readonly string[] };

const CALLS =
  'openat,open,creat,mkdir,mkdirat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,copy_file_range,' +
  'fallocate,fsync,fdatasync,sync_file_range,msync,ftruncate,truncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat';

/** The program that writes the trace; the traced process stays the child of whoever spawns this (-D). */
export function straceCommand(file: string): string[] {
  return ['strace', '-D', '-f', '--seccomp-bpf', '-yy', '-xx', '-s', '8000000', '-e', `trace=${CALLS}`, '-o', file];
}

/** Reads a trace. Throws at any call upon the folder that it does not understand: a step left out would be a proof of nothing. */
export async function readTrace(file: string, folder: string): Promise<TraceStep[]> {
  const reader = new TraceReader(folder);
  for await (const line of readline.createInterface({ input: createReadStream(file) })) reader.read(line);
  return reader.steps;
}

const text = (hex: string): string => bytes(hex).toString('utf8');
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex');

class TraceReader {
  readonly steps: TraceStep[] = [];
  /** Calls that another thread's came into, by thread: their first half, and where it stood. */
  private readonly unfinished = new Map<string, { readonly call: string; readonly since: number }>();

  constructor(private readonly folder: string) {}

  read(line: string): void {
    const space = line.indexOf(' ');
    const thread = line.slice(0, space);
    const call = line.slice(space).trimStart();
    if (call.startsWith('+++') || call.startsWith('---')) return;
    if (call.endsWith(' <unfinished ...>')) {
      const start = call.slice(0, -' <unfinished ...>'.length);
      // An answer counts from when it may first be seen, everything else from when it is done.
      if (!this.readAnswer(start)) this.unfinished.set(thread, { call: start, since: this.steps.length });
      return;
    }
    const rest = /^<\.\.\. \w+ resumed>/.exec(call)?.[0];
    if (rest === undefined) return this.readCall(call, this.steps.length);
    const begun = this.unfinished.get(thread);
    this.unfinished.delete(thread);
    if (begun !== undefined) this.readCall(begun.call + call.slice(rest.length), begun.since);
  }

  private readCall(call: string, since: number): void {
    if (this.readAnswer(call)) return;
    const name = call.slice(0, call.indexOf('('));
    const result = call.slice(call.lastIndexOf(' = ') + 3);
    const paths = this.pathsOf(call);
    const [path] = paths;
    if (path === undefined || result.startsWith('-1') || path.endsWith('-shm')) return;
    switch (name) {
      case 'openat':
        if (call.includes('O_TRUNC')) throw new Error(`not understood: ${call.slice(0, 200)}`);
        if (call.includes('O_CREAT')) this.steps.push({ kind: 'create', path });
        return;
      case 'mkdir':
      case 'unlink':
        return void this.steps.push({ kind: name, path });
      case 'fsync':
      case 'fdatasync':
        if (result.startsWith('?')) return;
        return void this.steps.push({ kind: 'sync', path, since });
      case 'ftruncate':
        return void this.steps.push({ kind: 'truncate', path, size: Number(/, (\d+)\)/.exec(call)?.[1]) });
      case 'pwrite64': {
        const [, hex = '', length, offset] = /, "([^"]*)", (\d+), (\d+)\)/.exec(call) ?? [];
        const data = bytes(hex);
        const isDone = !result.startsWith('?');
        if (data.length !== Number(length) || (isDone && Number.parseInt(result, 10) !== data.length)) {
          throw new Error(
            `a write of ${String(length)} bytes to ${path} was traced as ${String(data.length)}: ${result}`,
          );
        }
        return void this.steps.push({ kind: 'write', path, offset: Number(offset), data, isDone });
      }
      default:
        throw new Error(`not understood: ${call.slice(0, 200)}`);
    }
  }

  /** The paths below the folder that a call names: of the file descriptor, or as a string. */
  private pathsOf(call: string): string[] {
    const named = call.startsWith('pwrite64') ? call.slice(0, call.indexOf('>') + 1) : call.slice(0, 10_000);
    return [...named.matchAll(/[<"]((?:\\x[0-9a-f]{2})+)[>"]/g)]
      .map(([, hex = '']) => text(hex))
      .filter((path) => path === this.folder || path.startsWith(`${this.folder}/`));
  }

  /** Whether the call writes to a socket; if it says that events are accepted, that is a step. */
  private readAnswer(call: string): boolean {
    if (!/^(write|writev|sendto|sendmsg)\(\d+<TCP/.test(call)) return false;
    const sent = [...call.matchAll(/"([^"]*)"/g)].map(([, hex = '']) => text(hex)).join('');
    if (/^HTTP\/1\.1 20[27] /.test(sent)) {
      const eventIds = acceptedIn(JSON.parse(sent.slice(sent.indexOf('\r\n\r\n') + 4)));
      this.steps.push({ kind: 'answer', eventIds });
    }
    return true;
  }
}

function acceptedIn(body: unknown): string[] {
  const { event_id: id, results } = body as { event_id?: string; results?: { event_id?: string; error?: object }[] };
  const accepted = results?.flatMap((one) => (one.error === undefined ? [one.event_id ?? ''] : []));
  return accepted ?? [id ?? ''];
}
