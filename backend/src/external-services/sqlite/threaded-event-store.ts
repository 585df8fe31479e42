import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { type EventStore, type StoreFault, StoreUnavailableError } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { SqliteStoreOptions } from './sqlite-event-store';
import {
  packEvents,
  restoreBuffers,
  type ThreadReply,
  type ThreadRequest,
  unpackClaim,
  unpackError,
  type Verb,
} from './thread-protocol';

type ThreadedOptions = Omit<SqliteStoreOptions, 'runtime'>;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onFault?: (fault: StoreFault) => void;
  readonly onProgress?: (checkedEvents: number) => void;
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

/** Opens the SQLite store on a thread of its own, so that its commits do not hold up requests. Rejects as openSqliteEventStore does. */
export async function openThreadedEventStore({ log, ...options }: ThreadedOptions): Promise<EventStore> {
  const worker = new Worker(threadScript(), { workerData: options });
  const store = new ThreadedEventStore(worker, log);
  await store.opened;
  return store;
}

/** The EventStore port, each verb carried out by the thread. When the thread dies, every call is refused: nothing is known to be stored. */
class ThreadedEventStore implements EventStore {
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

  readonly accept: EventStore['accept'] = (events, limits) =>
    this.request((id) => ({ kind: 'accept', id, events: packEvents(events), limits })) as ReturnType<
      EventStore['accept']
    >;
  readonly claimDue: EventStore['claimDue'] = (request) =>
    this.request((id) => ({ kind: 'claimDue', id, request })) as ReturnType<EventStore['claimDue']>;
  readonly settle: EventStore['settle'] = (settlements) =>
    this.request((id) => ({ kind: 'settle', id, settlements: JSON.stringify(settlements) })) as ReturnType<
      EventStore['settle']
    >;
  readonly find = this.verb('find');
  readonly list = this.verb('list');
  readonly listDeliveries = this.verb('listDeliveries');
  readonly attempts = this.verb('attempts');
  readonly replay = this.verb('replay');
  readonly discard = this.verb('discard');
  readonly points = this.verb('points');
  readonly countByStatus = this.verb('countByStatus');
  readonly possibleDuplicates = this.verb('possibleDuplicates');
  readonly holds = this.verb('holds');
  readonly setHold = this.verb('setHold');
  readonly heldMs = this.verb('heldMs');
  readonly addHeld = this.verb('addHeld');
  readonly actions = this.verb('actions');
  readonly recordAction = this.verb('recordAction');
  readonly prune = this.verb('prune');
  readonly clockMark = this.verb('clockMark');
  readonly markClock = this.verb('markClock');
  readonly check = this.verb('check');

  async *verify(onProgress: (checkedEvents: number) => void = () => undefined): AsyncGenerator<StoreFault> {
    const faults: StoreFault[] = [];
    let wake: () => void = () => undefined;
    let isDone = false;
    const done = this.request((id) => ({ kind: 'verify', id }), {
      onProgress,
      onFault: (fault) => {
        faults.push(fault);
        wake();
      },
    }).finally(() => {
      isDone = true;
      wake();
    });
    // Rejections are awaited below, after the faults that came before.
    done.catch(() => undefined);
    while (!isDone || faults.length > 0) {
      const fault = faults.shift();
      if (fault !== undefined) yield fault;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    await done;
  }

  close(): Promise<void> {
    this.closing ??= this.isGone ? Promise.resolve() : this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const exited = new Promise((resolve) => this.worker.once('exit', resolve));
    await this.request((id) => ({ kind: 'close', id }));
    await exited;
  }

  private verb<V extends Verb>(verb: V): EventStore[V] {
    const call = (...args: readonly unknown[]) => this.request((id) => ({ kind: 'call', id, verb, args }));
    return call as unknown as EventStore[V];
  }

  private request(
    make: (id: number) => ThreadRequest,
    listeners: Pick<Pending, 'onFault' | 'onProgress'> = {},
  ): Promise<unknown> {
    if (this.isGone) return Promise.reject(new StoreUnavailableError('the store is closed', false));
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.pending.set(id, { resolve, reject, ...listeners });
      this.worker.postMessage(make(id));
    });
  }

  private receive(message: Exclude<ThreadReply, { kind: 'opened' | 'open_failed' }>): void {
    if (message.kind === 'log') return this.log[message.level](message.fields, message.fact);
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    if (message.kind === 'fault') return pending.onFault?.(message.fault as StoreFault);
    if (message.kind === 'progress') return pending.onProgress?.(message.checkedEvents);
    this.pending.delete(message.id);
    if (message.kind === 'claimed') pending.resolve(unpackClaim(message.claim));
    else if (message.kind === 'result') pending.resolve(restoreBuffers(message.result));
    else pending.reject(unpackError(message.error));
  }

  private fail(): void {
    this.isGone = true;
    for (const { reject } of this.pending.values()) reject(new StoreUnavailableError('the store has ended', false));
    this.pending.clear();
  }
}
