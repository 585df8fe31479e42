import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { selfSignedCertificate } from '../../test/support/self-signed-certificate';
import { readTlsFiles, readTokenKeysFile } from './pem';

const folder = mkdtempSync(join(tmpdir(), 'sluice-pem-'));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
afterAll(() => rmSync(folder, { recursive: true }));

const pair = (namedCurve = 'P-256') => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return {
    signing: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    checking: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
};
const [one, other] = [pair(), pair()];
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

test('the first key signs; one that is going out of use needs no private part', async () => {
  const keys = await readTokenKeysFile(file('good.pem', `${one.signing}\n${other.checking}`));
  expect(keys.map(({ signWith, algorithm }) => [signWith !== null, algorithm])).toEqual([
    [true, 'ES256'],
    [false, 'ES256'],
  ]);
});

test.each([
  ['nothing', '', 'it holds 0 keys'],
  ['a public key first', one.checking, 'its first key signs'],
  ['a key of another curve', pair('P-384').signing, 'key 1 is not on the curve P-256'],
  ['an RSA key', rsa, 'key 1 is not on the curve P-256'],
  ['a key twice', `${one.signing}${one.checking}`, 'a key is there twice'],
  ['a broken key', one.signing.replace(/\n.{20}/, '\n'), 'key 1 cannot be read'],
  ['too many keys', one.signing.repeat(6), 'it holds 6 keys'],
])('a file with %s is refused, and nothing of it is told', async (_name, text, why) => {
  const fault = await readTokenKeysFile(file('bad.pem', text)).then(String, String);
  expect(fault).toContain(why);
  expect(fault).not.toContain((one.signing.split('\n')[1] ?? '').slice(0, 20));
});

test('a certificate needs its own key', async () => {
  const [first, second] = [selfSignedCertificate(), selfSignedCertificate()];
  const [cert, key, wrong] = [file('cert', first.cert), file('key', first.key), file('wrong', second.key)];
  expect(await readTlsFiles(cert, key)).toEqual(first);
  await expect(readTlsFiles(cert, wrong)).rejects.toThrow('it is not the key of the certificate');
  await expect(readTlsFiles(key, key)).rejects.toThrow('it is not a certificate');
  await expect(readTlsFiles(cert, cert)).rejects.toThrow('it is not a private key');
  await expect(readTlsFiles(cert, join(folder, 'away'))).rejects.toThrow('there is no such file');
});
