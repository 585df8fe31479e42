import { existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { type Format, type ImportRecord, readRecords } from './import/records';
import { send, TryAgainError } from './import/send';
import { emptyState, type ImportState, loadState, removeState, saveState, stateFileOf } from './import/state';

/**
 * `npm run import -- FILE`: sends the events of a file to a gateway. Exit codes: 0 all were taken,
 * 1 it could not go on, 2 wrong arguments, 3 some were refused.
 */

const HELP = `Sends the events of a file to a gateway, as many as there are, and can be resumed after any end.

  npm run import -- FILE [options]

  FILE             NDJSON (an event a line, as POST /events takes it) or CSV (a header with the names of the fields)
  --format F       ndjson or csv; by default from the file's name
  --url URL        the gateway, by default http://127.0.0.1:3000
  --client ID      the client that imports, by default marketing-dashboard
  --secret S       its secret; better by the environment: SLUICE_SECRET
  --token T        a token instead of client and secret; better by the environment: SLUICE_TOKEN
  --restart        begins again, whatever was sent before (an event that is there already is not counted twice)
  --help

How far it has come stands in FILE.import-state until all is sent.
`;

const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];
const SAVE_EVERY = 5_000;

interface Arguments {
  readonly file: string;
  readonly format: Format;
  readonly url: string;
  readonly client: string;
  readonly secret: string | undefined;
  readonly token: string | undefined;
  readonly isRestart: boolean;
}

class UsageError extends Error {}

function readArguments(): Arguments | null {
  const option = { type: 'string' } as const;
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        format: option,
        url: option,
        client: option,
        secret: option,
        token: option,
        restart: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help === true) return null;
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new UsageError('name one file');
  if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError(`there is no file ${file}`);
  const format = values.format ?? (/\.csv$/i.test(file) ? 'csv' : 'ndjson');
  if (format !== 'csv' && format !== 'ndjson') throw new UsageError(`--format is ndjson or csv, not ${format}`);
  return {
    file,
    format,
    url: values.url ?? 'http://127.0.0.1:3000',
    client: values.client ?? 'marketing-dashboard',
    secret: values.secret ?? process.env['SLUICE_SECRET'],
    token: values.token ?? process.env['SLUICE_TOKEN'],
    isRestart: values.restart === true,
  };
}

async function fetchToken({ url, client, secret }: Arguments): Promise<string> {
  const response = await fetch(new URL('/auth', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: client, clientSecret: secret }),
  }).catch((error: unknown) => {
    throw new TryAgainError(`no gateway answers at ${url}: ${String((error as Error).cause ?? error)}`);
  });
  const body = (await response.json()) as { access_token?: string; detail?: string };
  if (body.access_token !== undefined) return body.access_token;
  const reason = `${url}/auth answered ${String(response.status)}: ${body.detail ?? ''}`;
  throw response.status === 429 || response.status >= 500 ? new TryAgainError(reason) : new Error(reason);
}

async function* after(records: AsyncIterable<ImportRecord>, count: number): AsyncGenerator<ImportRecord> {
  let skipped = 0;
  for await (const record of records) {
    if (skipped < count) skipped += 1;
    else yield record;
  }
}

/** A line that is drawn over on a terminal, and now and then a new one elsewhere. */
function showProgress(state: ImportState, startedAt: number, startRecords: number): void {
  const perSecond = Math.round(
    (state.records - startRecords) / Math.max(0.001, (performance.now() - startedAt) / 1000),
  );
  const text = `${String(state.records)} records: ${String(state.accepted)} accepted, ${String(state.duplicates)} there already, ${String(state.refused)} refused, ${String(perSecond)}/s`;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
}

function showSummary(state: ImportState): void {
  const { records, accepted, duplicates, refused } = state;
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(
    `${String(records)} records: ${String(accepted)} accepted, ${String(duplicates)} there already, ${String(refused)} refused`,
  );
  for (const [reason, { count, lines }] of Object.entries(state.refusals)) {
    console.log(`  ${String(count)} × ${reason} (line ${lines.join(', ')}${count > lines.length ? ', …' : ''})`);
  }
}

async function importFile(given: Arguments): Promise<ImportState> {
  const stateFile = stateFileOf(given.file);
  const state = given.isRestart ? emptyState() : loadState(stateFile);
  if (state.records > 0) console.error(`resuming after ${String(state.records)} records`);
  const startedAt = performance.now();
  const startRecords = state.records;
  const progress = setInterval(() => showProgress(state, startedAt, startRecords), process.stderr.isTTY ? 200 : 2_000);
  let savedAt = state.records;
  const onAnswer = (): void => {
    if (state.records - savedAt < SAVE_EVERY) return;
    savedAt = state.records;
    saveState(stateFile, state);
  };
  try {
    for (let failures = 0; ;) {
      const before = state.records;
      try {
        const token = given.token ?? (await fetchToken(given));
        await send({
          url: given.url,
          token,
          records: after(readRecords(given.file, given.format), before),
          state,
          onAnswer,
        });
        return state;
      } catch (error) {
        saveState(stateFile, state);
        if (!(error instanceof TryAgainError)) throw error;
        failures = state.records > before ? 0 : failures + 1;
        const waitMs = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0;
        console.error(`${error.message}; going on in ${String(waitMs / 1000)} s`);
        await sleep(waitMs);
      }
    }
  } finally {
    clearInterval(progress);
  }
}

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) {
    console.log(HELP);
    return 0;
  }
  const state = await importFile(given);
  showSummary(state);
  removeState(stateFileOf(given.file));
  return state.refused > 0 ? 3 : 0;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`import: ${(error as Error).message}`);
    if (error instanceof UsageError) console.error(`\n${HELP}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
