/** Changes the file of clients as a whole or not at all, and keeps its comments. Secrets are made here, told once, and kept as digests. */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMap, isSeq, parseDocument, type Document, type YAMLMap, type YAMLSeq } from 'yaml';

import type { Client, Scope } from '../types/auth';
import { readClientsFile } from '../config/clients';

/** A change that cannot be made; the message says why and what would be right. */
export class ClientEditError extends Error {
  override readonly name = 'ClientEditError';
}

/** Adds a client. @returns its secret, which is nowhere else. @throws ClientEditError, SettingsFileError */
export async function addClient(path: string, id: string, scopes: readonly Scope[]): Promise<string> {
  const secret = newSecret();
  await edit(path, (clients, document) => {
    if (find(clients, id) !== undefined)
      throw new ClientEditError(`there is a client ${id} already; rotate its secret`);
    clients.add(document.createNode({ id, secretSha256: [digestOf(secret)], scopes: [...scopes] }));
  });
  return secret;
}

/** Gives a client a second secret beside its newest; an older one goes. @returns the new secret */
export async function rotateSecret(path: string, id: string): Promise<string> {
  const secret = newSecret();
  await edit(path, (clients, document) => {
    const client = known(clients, id);
    const newest = digestsOf(client).at(-1);
    if (newest === undefined) throw new ClientEditError(`${id} is public and has no secret; remove "public" first`);
    client.set('secretSha256', document.createNode([newest, digestOf(secret)]));
  });
  return secret;
}

/** Ends a rotation: only the newest secret is left. */
export async function finishRotation(path: string, id: string): Promise<void> {
  await edit(path, (clients, document) => {
    const client = known(clients, id);
    const digests = digestsOf(client);
    if (digests.length < 2) throw new ClientEditError(`${id} has one secret; there is no rotation to finish`);
    client.set('secretSha256', document.createNode(digests.slice(-1)));
  });
}

export function listClients(path: string): Promise<Client[]> {
  return readClientsFile(path, { isProduction: false });
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function digestsOf(client: YAMLMap): string[] {
  const digests: unknown = client.get('secretSha256');
  return isSeq(digests) ? (digests.toJSON() as string[]) : [];
}

function find(clients: YAMLSeq, id: string): YAMLMap | undefined {
  return clients.items.find((item): item is YAMLMap => isMap(item) && item.get('id') === id);
}

function known(clients: YAMLSeq, id: string): YAMLMap {
  const client = find(clients, id);
  if (client === undefined) throw new ClientEditError(`there is no client ${id}`);
  return client;
}

/** The new text is checked as the gateway would check it before it takes the old one's place; whoever reads meanwhile finds the one or the other. */
async function edit(path: string, change: (clients: YAMLSeq, document: Document) => void): Promise<void> {
  await listClients(path);
  const document: Document = parseDocument(await readFile(path, 'utf8'));
  const clients = document.get('clients');
  if (!isSeq(clients)) throw new ClientEditError('the file has no list of clients');
  change(clients, document);
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const { mode } = await stat(path);
  try {
    const file = await open(draft, 'wx', mode);
    await file.writeFile(document.toString({ lineWidth: 0 }));
    await file.sync();
    await file.close();
    await listClients(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
