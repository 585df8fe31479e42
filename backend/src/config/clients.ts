import Joi from 'joi';
import { createHash } from 'node:crypto';
import { SCOPES } from '../types/auth';
import type { Client, Scope } from '../types/auth';
import { readYamlFile } from './yaml';
import type { YamlFault } from './yaml';

interface ClientEntry {
  readonly id: string;
  readonly public?: boolean;
  readonly secretSha256?: readonly string[];
  readonly scopes: readonly Scope[];
}

interface ClientsFile {
  readonly clients: readonly ClientEntry[];
}

/** Of the secret in the shipped file, which everyone can read. */
const SHIPPED_SECRET_SHA256 = createHash('sha256').update('operator-dev-secret').digest('hex');

const clientEntry = Joi.object<ClientEntry>({
  id: Joi.string()
    .pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .messages({ 'string.pattern.base': 'must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit' }),
  public: Joi.boolean().optional(),
  secretSha256: Joi.array()
    .items(
      Joi.string()
        .pattern(/^[0-9a-f]{64}$/i)
        .messages({ 'string.pattern.base': 'must be the 64 hex digits of the SHA-256 of the secret' }),
    )
    .min(1)
    .max(2)
    .unique()
    .optional()
    .messages({
      'array.min': 'must hold one digest, or two while the secret is being rotated',
      'array.max': 'must hold one digest, or two while the secret is being rotated',
      'array.unique': 'is there twice',
    }),
  scopes: Joi.array()
    .items(Joi.string().valid(...SCOPES))
    .min(1)
    .unique()
    .messages({ 'array.unique': 'is there twice' }),
});

const clientsFile = Joi.object<ClientsFile>({
  clients: Joi.array()
    .items(clientEntry)
    .min(1)
    .max(10_000)
    .unique('id')
    .messages({ 'array.unique': 'has the id of another client' }),
}).messages({
  'any.required': 'is missing',
  'any.only': `must be one of ${SCOPES.join(', ')}`,
  'array.base': 'must be a list',
  'array.min': 'must not be empty',
  'array.max': 'must have at most {#limit} entries',
  'array.unique': 'is there twice',
  'boolean.base': 'must be true or false',
  'object.base': 'must be a mapping',
  'object.unknown': 'is not known here',
  'string.base': 'must be a text; put it in quotes',
  'string.empty': 'must not be empty',
});

function faultsOf({ clients }: ClientsFile, isProduction: boolean): YamlFault[] {
  return clients.flatMap((client, index) => {
    const hasSecret = client.secretSha256 !== undefined;
    const isPublic = client.public === true;
    const isKnown = client.secretSha256?.some((digest) => digest.toLowerCase() === SHIPPED_SECRET_SHA256) ?? false;
    const refusals: [boolean, string, string][] = [
      [isPublic && hasSecret, 'public', 'must go, or secretSha256 must: a public client has no secret'],
      [!isPublic && !hasSecret, '', 'must have secretSha256, or public: true'],
      [
        isProduction && isPublic,
        'public',
        'is refused in production: whoever knows the id would get a token; give the client a secret',
      ],
      [
        isProduction && isKnown,
        'secretSha256',
        'is the secret that is shipped for development, which everyone knows; make another',
      ],
    ];
    return refusals
      .filter(([isWrong]) => isWrong)
      .map(([, key, detail]) => ({ at: ['clients', index, ...(key === '' ? [] : [key])], detail }));
  });
}

/** The clients that `CLIENTS_FILE` describes. @throws SettingsFileError naming every fault with its line */
export async function readClientsFile(
  path: string,
  { isProduction }: { readonly isProduction: boolean },
): Promise<Client[]> {
  const { clients } = await readYamlFile(path, {
    schema: clientsFile,
    faultsOf: (file) => faultsOf(file, isProduction),
  });
  return clients.map((client) => ({
    id: client.id,
    isPublic: client.public === true,
    secretDigests: (client.secretSha256 ?? []).map((digest) => Buffer.from(digest, 'hex')),
    scopes: client.scopes,
  }));
}
