import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { environmentLookup } from './config/config';
import { SETTING_GROUPS } from './config/settings';
import { eventJson } from './controllers/event-json';
import { LineFile } from './cli/line-file';
import { openStoreArchive } from './external-services/stores/open-store';
import { systemRuntime } from './external-services/system-runtime';
import type { StoreArchive } from './interfaces/store-archive';
import { createLogger } from './logger';
import { writeJson } from './types/exact-json';

/** `npm run store -- …`: the store as a whole, beside a gateway that may go on running. Exit codes: 0 fine, 1 faults or failure, 2 wrong arguments. */

const HELP = `Usage: npm run store -- verify | recount | export [FILE] | backup FILE   [options]

  verify    Reads everything and checks it: checksums, states, counts, points. Lists each fault.
  recount   Counts the points anew from the events, and lists each difference.
  export    Writes every event with its deliveries, a JSON object a line, oldest first, to FILE or standard output.
  backup    Writes a consistent copy to FILE, flushed to the disk and verified.

  --store URL   the store, such as sqlite:./data/gateway.db; by default STORE_URL
  --force       replaces a FILE that is there
  --help        this text

The gateway may go on running. Progress goes to standard error.
Exit code: 0 all is well, 1 there are faults or it failed, 2 the arguments are wrong.
`;

class UsageError extends Error {}

interface Command {
  readonly verb: string;
  readonly file: string | undefined;
  readonly store: string | undefined;
  readonly force: boolean;
}

const VERBS: Readonly<Record<string, (archive: StoreArchive, command: Command) => Promise<number>>> = {
  verify,
  recount,
  export: exportEvents,
  backup,
};

function readArguments(args: readonly string[]): Command | null {
  const { values, positionals } = parse(args);
  if (values.help === true) return null;
  const [verb = '', file, ...rest] = positionals;
  if (!Object.hasOwn(VERBS, verb)) {
    throw new UsageError(
      `${verb === '' ? 'a verb is missing' : `${verb} is no verb`}: verify, recount, export or backup`,
    );
  }
  if (rest.length > 0 || (file !== undefined && (verb === 'verify' || verb === 'recount'))) {
    throw new UsageError(`${String(rest[0] ?? file)} is one argument too many`);
  }
  if (file === undefined && verb === 'backup') throw new UsageError('backup needs the FILE to write');
  return {
    verb,
    file: file === undefined ? undefined : resolve(file),
    store: values.store,
    force: values.force === true,
  };
}

function parse(args: readonly string[]) {
  try {
    const flag = { type: 'boolean' } as const;
    const options = { store: { type: 'string' }, force: flag, help: flag } as const;
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The file that the argument names, or else STORE_URL. The other settings are not asked for. */
function storePath(argument: string | undefined): string {
  const { name, rule, fallback } = SETTING_GROUPS.Storage.store;
  const url = argument ?? environmentLookup()(name);
  if (url === undefined) return resolve(fallback.path);
  const read = rule.schema.validate(url);
  if (read.error === undefined) return resolve(read.value.path);
  throw new UsageError(`${argument === undefined ? name : '--store'} must be ${rule.expects}`);
}

/** A line on standard error at most once a second. */
function progressLine(): (text: () => string) => void {
  let saidAt = systemRuntime.monotonic();
  return (text) => {
    if (systemRuntime.monotonic() - saidAt < 1000) return;
    saidAt = systemRuntime.monotonic();
    say(text());
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function verify(archive: StoreArchive): Promise<number> {
  const progress = progressLine();
  let events = 0;
  let faults = 0;
  const checking = archive.verify((checked) => {
    events = checked;
    progress(() => `${String(checked)} events checked`);
  });
  for await (const { kind, detail } of checking) {
    faults += 1;
    process.stdout.write(`${kind}: ${detail}\n`);
  }
  say(`${String(events)} events checked, ${faults === 0 ? 'no fault' : `${String(faults)} faults`}`);
  return faults === 0 ? 0 : 1;
}

async function recount(archive: StoreArchive): Promise<number> {
  let rows = 0;
  let differences = 0;
  for await (const { userId, eventName, counted, recounted } of archive.recount((done) => (rows = done))) {
    differences += 1;
    process.stdout.write(`${JSON.stringify({ user_id: userId, event_name: eventName, counted, recounted })}\n`);
  }
  say(`${String(rows)} counts, ${differences === 0 ? 'no difference' : `${String(differences)} differ`}`);
  return differences === 0 ? 0 : 1;
}

async function exportEvents(archive: StoreArchive, { file, force }: Command): Promise<number> {
  refuseExisting(file, force);
  const progress = progressLine();
  const out = LineFile.open(file ?? null);
  let events = 0;
  try {
    for await (const view of archive.export()) {
      await out.write(writeJson(eventJson(view)));
      events += 1;
      progress(() => `${String(events)} events exported`);
    }
    await out.finish();
  } catch (error) {
    out.abandon();
    throw error;
  }
  say(`${String(events)} events exported`);
  return 0;
}

async function backup(archive: StoreArchive, { file = '', force }: Command): Promise<number> {
  refuseExisting(file, force);
  const progress = progressLine();
  await archive.backup(file, ({ donePages, totalPages }) =>
    progress(() => `${String(donePages)} of ${String(totalPages)} pages copied`),
  );
  say(`${file} holds a verified copy`);
  return 0;
}

function refuseExisting(file: string | undefined, force: boolean): void {
  if (file !== undefined && !force && existsSync(file)) {
    throw new UsageError(`${file} is there already; --force replaces it`);
  }
}

async function main(): Promise<number> {
  const command = readArguments(process.argv.slice(2));
  if (command === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const path = storePath(command.store);
  if (command.file === path) throw new UsageError('FILE is the store itself');
  const archive = openStoreArchive({ path }, createLogger('silent'), systemRuntime);
  try {
    return (await VERBS[command.verb]?.(archive, command)) ?? 2;
  } finally {
    archive.close();
  }
}

// Whoever read the lines has gone (`… | head`): there is nobody to tell.
process.stdout.on('error', () => process.exit(1));

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    say(
      `store: ${error instanceof Error ? error.message : String(error)}${error instanceof UsageError ? '\nSee --help.' : ''}`,
    );
    process.exitCode = isUsage ? 2 : 1;
  },
);
