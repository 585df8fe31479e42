import { parentPort, workerData } from 'node:worker_threads';

import type { EventStore } from '../../../../interfaces/event-store';
import type { Log } from '../../../../interfaces/log';
import { systemRuntime } from '../../../system-runtime';
import { callVerb, nameOf, STORE_VERBS } from '../../verbs';
import { openSqliteEventStore, type SqliteStoreOptions } from '../sqlite-event-store';
import { packError, packingOf, type ThreadReply, type ThreadRequest } from './thread-protocol';

/** The store's own thread: here SQLite may block on the disk while the gateway goes on reading and answering requests. */

const port = parentPort;
if (port === null) throw new Error('store-thread.js is started by openThreadedEventStore, not by hand');

const reply = (message: ThreadReply): void => port.postMessage(message);

const log = Object.fromEntries(
  (['debug', 'info', 'warn', 'error'] as const).map((level) => [
    level,
    // Errors cross the threads as their text.
    (fields: object, fact: string) =>
      reply({ kind: 'log', level, fields: JSON.parse(JSON.stringify(fields)) as object, fact }),
  ]),
) as unknown as Log;

/** Carries out one verb: from its packed arguments to its packed result. */
type Answer = (packedArgs: unknown) => Promise<unknown>;

function answersOf(store: EventStore): ReadonlyMap<string, Answer> {
  return new Map(
    STORE_VERBS.map((verb) => {
      const { unpack, packResult } = packingOf(verb);
      const answer: Answer = async (packedArgs) => packResult(await callVerb(store, verb, unpack(packedArgs)));
      return [nameOf(verb), answer] as const;
    }),
  );
}

async function answer(answers: ReadonlyMap<string, Answer>, request: ThreadRequest): Promise<void> {
  const { id, verb, args } = request;
  try {
    reply({ kind: 'result', id, result: await answers.get(verb)?.(args) });
  } catch (error) {
    reply({ kind: 'failed', id, error: packError(error) });
  }
}

openSqliteEventStore({
  ...(workerData as Omit<SqliteStoreOptions, 'log' | 'runtime'>),
  log,
  runtime: systemRuntime,
}).then(
  (store) => {
    const answers = answersOf(store);
    port.on('message', (request: ThreadRequest) => {
      void answer(answers, request).then(() => {
        if (request.isLast) port.close();
      });
    });
    reply({ kind: 'opened' });
  },
  (error: unknown) => reply({ kind: 'open_failed', error: packError(error) }),
);
