/**
 * `npm run client -- add <id> <scope,scope …> | rotate <id> | finish <id> | list`: the clients of
 * CLIENTS_FILE, or of `--file <path>`. The gateway takes a change within 30 seconds, and at once on
 * SIGHUP.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { packageRoot } from '../backend/src/config/config';
import {
  addClient,
  ClientEditError,
  finishRotation,
  listClients,
  rotateSecret,
} from '../backend/src/cli/clients-file-editor';
import { SettingsFileError } from '../backend/src/config/yaml';
import { SCOPES, type Scope } from '../backend/src/types/auth';

const USAGE = `usage: npm run client -- add <id> <scope,scope …>
       npm run client -- rotate <id>     a second secret; the one before still works
       npm run client -- finish <id>     ends a rotation: only the newest secret works
       npm run client -- list
       with --file <path> in place of CLIENTS_FILE; scopes: ${SCOPES.join(', ')}
`;

class UsageError extends Error {}

function scopesOf(texts: readonly string[]): Scope[] {
  const names = texts.flatMap((text) => text.split(',')).filter((name) => name !== '');
  const unknown = names.filter((name) => !(SCOPES as readonly string[]).includes(name));
  if (names.length === 0) throw new UsageError('name at least one scope');
  if (unknown.length > 0) throw new UsageError(`there is no scope ${unknown.join(', ')}`);
  return names as Scope[];
}

async function run(args: readonly string[]): Promise<string> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { file: { type: 'string' } },
  });
  const [verb, id, ...rest] = positionals;
  const fromEnvironment = process.env['CLIENTS_FILE']?.trim();
  const shipped = join(packageRoot(), 'config', 'clients.yml');
  const path = values.file ?? (fromEnvironment === undefined || fromEnvironment === '' ? shipped : fromEnvironment);
  if (verb === 'list' && id === undefined) {
    const lines = (await listClients(path)).map(({ id: name, isPublic, secretDigests, scopes }) =>
      [name, isPublic ? 'public' : `${secretDigests.length} secret(s)`, scopes.join(' ')].join('\t'),
    );
    return `${lines.join('\n')}\n`;
  }
  if (id === undefined) throw new UsageError('say what to do');
  if (verb === 'add') return `secret of ${id}, shown only now: ${await addClient(path, id, scopesOf(rest))}\n`;
  if (rest.length > 0) throw new UsageError(`what is ${rest.join(' ')}?`);
  if (verb === 'rotate') return `new secret of ${id}, shown only now: ${await rotateSecret(path, id)}\n`;
  if (verb !== 'finish') throw new UsageError(`there is no ${String(verb)}`);
  await finishRotation(path, id);
  return `${id} has one secret\n`;
}

run(process.argv.slice(2)).then(
  (text) => process.stdout.write(text),
  (error: unknown) => {
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    const isExplained = isUsage === true || error instanceof ClientEditError || error instanceof SettingsFileError;
    process.stderr.write(`client: ${isExplained ? (error as Error).message : String((error as Error).stack)}\n`);
    if (isUsage === true) process.stderr.write(USAGE);
    process.exitCode = 1;
  },
);
