/** Keys and certificates from PEM files (RFC 7468). A fault names its file and says what would be right, and nothing of a key. */
import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

import { ellipticTokenKey, type TokenKey, type TokenKeys } from '../external-services/tokens/token-key';
import { SettingsFileError } from './yaml';

const KEYS_MAX = 5;
const KEY_BLOCK = /-----BEGIN ((?:EC )?PRIVATE KEY|PUBLIC KEY)-----[\s\S]+?-----END \1-----/g;

/** A certificate chain and its private key, in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SettingsFileError(path, [
      code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${String(code)})`,
    ]);
  }
}

/** The keys that sign and check tokens: the first block signs, all are accepted. @throws SettingsFileError */
export async function readTokenKeysFile(path: string): Promise<TokenKeys> {
  const blocks = [...(await readText(path)).matchAll(KEY_BLOCK)];
  if (blocks.length === 0 || blocks.length > KEYS_MAX) {
    throw new SettingsFileError(path, [
      `it holds ${blocks.length} keys; it must hold 1 to ${KEYS_MAX} PEM blocks (openssl ecparam -name prime256v1 -genkey -noout makes one)`,
    ]);
  }
  const keys = blocks.map(([block, kind], index): TokenKey => {
    const key = ellipticTokenKey(parseKey(path, index, block, kind !== 'PUBLIC KEY'));
    if (key === null) throw new SettingsFileError(path, [`key ${index + 1} is not on the curve P-256`]);
    return key;
  });
  const [first, ...others] = keys;
  if (first?.signWith == null) throw new SettingsFileError(path, ['its first key signs and must be a private one']);
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new SettingsFileError(path, ['a key is there twice']);
  return [{ ...first, signWith: first.signWith }, ...others];
}

function parseKey(path: string, index: number, block: string, isPrivate: boolean): KeyObject {
  try {
    return isPrivate ? createPrivateKey(block) : createPublicKey(block);
  } catch {
    throw new SettingsFileError(path, [`key ${index + 1} cannot be read as a key without a passphrase`]);
  }
}

/** @throws SettingsFileError where one of the two is none, or the key is another certificate's */
export async function readTlsFiles(certPath: string, keyPath: string): Promise<TlsPair> {
  const [cert, key] = await Promise.all([readText(certPath), readText(keyPath)]);
  const certificate = parsed(certPath, 'it is not a certificate in PEM', () => new X509Certificate(cert));
  const privateKey = parsed(keyPath, 'it is not a private key in PEM without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new SettingsFileError(keyPath, [`it is not the key of the certificate in ${certPath}`]);
  }
  parsed(certPath, 'it cannot be used for TLS', () => createSecureContext({ cert, key }));
  return { cert, key };
}

function parsed<T>(path: string, fault: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new SettingsFileError(path, [fault]);
  }
}
