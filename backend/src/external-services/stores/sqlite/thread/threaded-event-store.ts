import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { type EventStore, StoreUnavailableError } from '../../../../interfaces/event-store';
import type { Log } from '../../../../interfaces/log';
import { nameOf, type StoreCall, storeOf, type StoreVerb } from '../../verbs';
import type { SqliteStoreOptions } from '../sqlite-event-store';
import { packingOf, type ThreadReply, type ThreadRequest, unpackError } from './thread-protocol';

type ThreadedOptions = Omit<SqliteStoreOptions, 'runtime'>;

interface Pending {
  readonly resolve: (packedResult: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The compiled thread, also when this file runs from its source in a test. */
function threadScript(): string {
  const beside = __filename.replace(/threaded-event-store\.[jt]s$/, 'store-thread.js');
  const script = existsSync(beside)
    ? beside
    : beside.replace(/backend([/\\])src(?=[/\\]external-services)/, 'dist$1backend$1src');
  if (!existsSync(script)) throw new Error(`${script} is missing: run npm run build`);
  return script;
}

/**
 * Opens the SQLite store on a thread of its own, so that its commits do not hold up requests. Rejects as openSqliteEventStore
 * does. When the thread dies, every call is refused: nothing is known to be stored.
 */
export async function openThreadedEventStore({ log, ...options }: ThreadedOptions): Promise<EventStore> {
  const thread = new StoreThread(new Worker(threadScript(), { workerData: options }), log);
  await thread.opened;
  return storeOf((verb) => thread.callOf(verb));
}

/** The store's thread as the gateway's thread sees it: what is asked of it and not yet answered. */
class StoreThread {
  readonly opened: Promise<void>;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private isGone = false;
  private closing: Promise<void> | null = null;

  constructor(
    private readonly worker: Worker,
    private readonly log: Log,
  ) {
    this.opened = new Promise((resolve, reject) => {
      worker.on('message', (message: ThreadReply) => {
        if (message.kind === 'opened') resolve();
        else if (message.kind === 'open_failed') {
          reject(unpackError(message.error));
          void worker.terminate();
        } else this.receive(message);
      });
      worker.once('error', (error) => {
        this.log.error({ err: error }, 'store.thread_failed');
        reject(error);
      });
      worker.once('exit', () => this.fail());
    });
  }

  callOf(verb: StoreVerb): StoreCall {
    const { pack, unpackResult } = packingOf(verb);
    const [name, isLast] = [nameOf(verb), verb.effect === 'ends'];
    const call: StoreCall = async (...args) =>
      unpackResult(await this.request({ verb: name, args: pack(args), isLast }));
    return isLast ? () => this.close(call) : call;
  }

  private close(call: StoreCall): Promise<void> {
    this.closing ??= this.isGone ? Promise.resolve() : this.end(call);
    return this.closing;
  }

  private async end(call: StoreCall): Promise<void> {
    const exited = new Promise((resolve) => this.worker.once('exit', resolve));
    await call();
    await exited;
  }

  private request(request: Omit<ThreadRequest, 'id'>): Promise<unknown> {
    if (this.isGone) return Promise.reject(new StoreUnavailableError('the store is closed', false));
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.pending.set(id, { resolve, reject });
      this.worker.postMessage({ ...request, id } satisfies ThreadRequest);
    });
  }

  private receive(message: Exclude<ThreadReply, { kind: 'opened' | 'open_failed' }>): void {
    if (message.kind === 'log') return this.log[message.level](message.fields, message.fact);
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    this.pending.delete(message.id);
    if (message.kind === 'result') pending.resolve(message.result);
    else pending.reject(unpackError(message.error));
  }

  private fail(): void {
    this.isGone = true;
    for (const { reject } of this.pending.values()) reject(new StoreUnavailableError('the store has ended', false));
    this.pending.clear();
  }
}
