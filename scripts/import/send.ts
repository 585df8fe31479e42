import http from 'node:http';
import https from 'node:https';

import { readLines } from '../../backend/src/http/ndjson';
import type { ImportRecord } from './records';
import { type ImportState, refuse } from './state';

/** The gateway cannot take events at present: the import resumes later from where it was. */
export class TryAgainError extends Error {}

interface Result {
  readonly duplicate?: boolean;
  readonly error?: {
    readonly code: string;
    readonly status: number;
    readonly detail: string;
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  };
}

export interface SendOptions {
  readonly url: string;
  readonly token: string;
  readonly records: AsyncIterable<ImportRecord>;
  readonly state: ImportState;
  /** Called with each answer, after the state was brought up to it. */
  readonly onAnswer: () => void;
}

const WRITE_CHARS = 64 * 1024;
/** An answer line holds a problem at most. */
const ANSWER_MAX_BYTES = 1024 * 1024;

/**
 * Streams the records to the gateway and reads its answers, each in turn, into the state. Throws
 * TryAgainError where the connection or the gateway gave up.
 */
export async function send({ url, token, records, state, onAnswer }: SendOptions): Promise<void> {
  const target = new URL('/events/batch', url);
  const request = (target.protocol === 'https:' ? https : http).request(target, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${token}` },
  });
  const sent: ImportRecord[] = [];
  const failed = new Promise<never>((_resolve, reject) => {
    request.once('error', (error) => reject(new TryAgainError(`the connection broke: ${error.message}`)));
  });
  failed.catch(() => undefined);
  const responded = new Promise<http.IncomingMessage>((resolve) => request.once('response', resolve));
  try {
    const writing = write(request, records, sent);
    writing.catch(() => undefined);
    const reading = responded.then((response) => readAnswers(response, sent, state, onAnswer));
    await Promise.race([Promise.all([writing, reading]), failed]);
  } finally {
    request.destroy();
  }
  if (sent.length > 0) throw new TryAgainError('the gateway ended before it had answered all');
}

async function write(
  request: http.ClientRequest,
  records: AsyncIterable<ImportRecord>,
  sent: ImportRecord[],
): Promise<void> {
  let text = '';
  for await (const record of records) {
    sent.push(record);
    // A record that cannot be sent keeps its place in the order of answers.
    text += `${record.fault === undefined ? record.text : 'null'}\n`;
    if (text.length < WRITE_CHARS) continue;
    if (!request.write(text)) await new Promise<void>((resolve) => request.once('drain', resolve));
    text = '';
  }
  request.end(text);
}

async function readAnswers(
  response: http.IncomingMessage,
  sent: ImportRecord[],
  state: ImportState,
  onAnswer: () => void,
): Promise<void> {
  if (response.statusCode !== 200) {
    let body = '';
    for await (const chunk of response) body += String(chunk);
    const status = response.statusCode ?? 0;
    const reason = `the gateway answered ${String(status)}: ${body.slice(0, 500)}`;
    throw status === 429 || status >= 500 ? new TryAgainError(reason) : new Error(reason);
  }
  let taken = 0;
  try {
    for await (const line of readLines(response, ANSWER_MAX_BYTES)) {
      const record = sent[taken];
      if (line.kind !== 'line' || record === undefined)
        throw new Error('the gateway answered something that was not asked');
      note(JSON.parse(line.bytes.toString('utf8')) as Result, record, state);
      taken += 1;
      // Cut off now and then: an array loses its head in time that grows with its length.
      if (taken === 1_000) taken -= sent.splice(0, taken).length;
      onAnswer();
    }
  } catch (error) {
    throw (error as { code?: unknown }).code === 'ECONNRESET' ? new TryAgainError('the connection broke') : error;
  } finally {
    sent.splice(0, taken);
  }
}

function note({ duplicate, error }: Result, record: ImportRecord, state: ImportState): void {
  if (error === undefined) {
    state[duplicate === true ? 'duplicates' : 'accepted'] += 1;
    state.records += 1;
  } else if (error.status === 429 || error.status >= 500) {
    throw new TryAgainError(`line ${String(record.line)}: ${error.detail}`);
  } else refuse(state, record.fault ?? reasonOf(error), record.line);
}

function reasonOf(error: NonNullable<Result['error']>): string {
  const [first] = error.errors ?? [];
  return first === undefined ? `${error.code}: ${error.detail}` : `${first.pointer}: ${first.detail}`;
}
