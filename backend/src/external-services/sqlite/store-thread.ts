import { parentPort, workerData } from 'node:worker_threads';

import type { EventStore, Settlement } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import { systemRuntime } from '../system-runtime';
import { openSqliteEventStore, type SqliteStoreOptions } from './sqlite-event-store';
import { packClaim, packError, type ThreadReply, type ThreadRequest, unpackEvents } from './thread-protocol';

/** The store's own thread: here SQLite may block on the disk while the gateway goes on reading and answering requests. */

const port = parentPort;
if (port === null) throw new Error('store-thread.js is started by ThreadedEventStore, not by hand');

const reply = (message: ThreadReply): void => port.postMessage(message);

const log = Object.fromEntries(
  (['debug', 'info', 'warn', 'error'] as const).map((level) => [
    level,
    // Errors cross the threads as their text.
    (fields: object, fact: string) =>
      reply({ kind: 'log', level, fields: JSON.parse(JSON.stringify(fields)) as object, fact }),
  ]),
) as unknown as Log;

async function answer(store: EventStore, request: ThreadRequest): Promise<void> {
  const { id } = request;
  try {
    if (request.kind === 'claimDue') {
      reply({ kind: 'claimed', id, claim: packClaim(await store.claimDue(request.request)) });
    } else reply({ kind: 'result', id, result: await perform(store, request) });
  } catch (error) {
    reply({ kind: 'failed', id, error: packError(error) });
  }
}

async function perform(store: EventStore, request: Exclude<ThreadRequest, { kind: 'claimDue' }>): Promise<unknown> {
  switch (request.kind) {
    case 'accept':
      return store.accept(unpackEvents(request.events), request.limits);
    case 'settle':
      return store.settle(JSON.parse(request.settlements) as Settlement[]);
    case 'call': {
      const verbs = store as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
      return verbs[request.verb]?.(...request.args);
    }
    case 'verify': {
      const { id } = request;
      const progress = (checkedEvents: number) => reply({ kind: 'progress', id, checkedEvents });
      for await (const fault of store.verify(progress)) reply({ kind: 'fault', id, fault });
      return undefined;
    }
    case 'close':
      return store.close();
  }
}

openSqliteEventStore({
  ...(workerData as Omit<SqliteStoreOptions, 'log' | 'runtime'>),
  log,
  runtime: systemRuntime,
}).then(
  (store) => {
    port.on('message', (request: ThreadRequest) => {
      void answer(store, request).then(() => {
        if (request.kind === 'close') port.close();
      });
    });
    reply({ kind: 'opened' });
  },
  (error: unknown) => reply({ kind: 'open_failed', error: packError(error) }),
);
