import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';

import { addClient, finishRotation, rotateSecret } from '../../src/cli/clients-file-editor';
import { selfSignedCertificate } from '../support/self-signed-certificate';
import { purchase, TestGateway } from '../support/test-gateway';

const folder = mkdtempSync(join(tmpdir(), 'sluice-rotation-'));
const clientsFile = join(folder, 'clients.yml');
const keyFile = join(folder, 'keys.pem');
const [tlsCertFile, tlsKeyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
const newKey = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const writeTls = () => {
  const { cert, key } = selfSignedCertificate();
  writeFileSync(tlsCertFile, cert);
  writeFileSync(tlsKeyFile, key);
};
const firstKey = newKey();
const gateway = new TestGateway({
  JWT_SECRET: '',
  JWT_KEY_FILE: keyFile,
  CLIENTS_FILE: clientsFile,
  TLS_CERT_FILE: tlsCertFile,
  TLS_KEY_FILE: tlsKeyFile,
});
let secret = '';

beforeAll(async () => {
  writeFileSync(clientsFile, 'clients:\n  - { id: reader, public: true, scopes: [events:read] }\n');
  secret = await addClient(clientsFile, 'shop', ['events:write']);
  writeFileSync(keyFile, firstKey);
  writeTls();
  await gateway.start();
});
afterAll(async () => {
  await gateway.dispose();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Over a connection of its own each time, so that each makes a TLS handshake with the certificate of now. */
function send(method: string, path: string, body?: object, token?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const options = { method, headers, agent: false, rejectUnauthorized: false };
    const request = https.request(new URL(path, gateway.url), options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const login = async (clientSecret: string) => {
  const { status, body } = await send('POST', '/auth', { clientId: 'shop', clientSecret });
  return { status, token: body['access_token'] as string };
};
const post = async (token: string) => (await send('POST', '/events', purchase(), token)).status;
const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
const fingerprint = () =>
  new Promise<string>((resolve) => {
    const { hostname: host, port } = new URL(gateway.url);
    const socket = tls.connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });

/** Posts events and asks for tokens without a pause while `change` happens, and gives every status that came. */
async function underLoad(change: () => Promise<void>): Promise<Set<number>> {
  const statuses = new Set<number>();
  const { token } = await login(secret);
  let isOver = false;
  const load = async () => {
    while (!isOver) {
      statuses.add(await post(token));
      statuses.add((await login(secret)).status);
    }
  };
  const loads = [load(), load(), load(), load()];
  try {
    await change();
  } finally {
    isOver = true;
  }
  await Promise.all(loads);
  return statuses;
}

test('a secret is rotated under load: both work meanwhile, then only the new one', async () => {
  let next = '';
  const old = secret;
  const statuses = await underLoad(async () => {
    next = await rotateSecret(clientsFile, 'shop');
    await gateway.reload();
    expect((await login(next)).status).toBe(200);
    secret = next;
    expect((await login(old)).status).toBe(200);
  });
  expect([...statuses].sort()).toEqual([200, 202]);
  await finishRotation(clientsFile, 'shop');
  await gateway.reload();
  expect([(await login(old)).status, (await login(next)).status]).toEqual([401, 200]);
});

test('the key of the tokens is rotated under load; its tokens end when it goes', async () => {
  const before = (await login(secret)).token;
  const second = newKey();
  const statuses = await underLoad(async () => {
    writeFileSync(keyFile, `${firstKey}${second}`);
    await gateway.reload();
    writeFileSync(keyFile, `${second}${firstKey}`);
    await gateway.reload();
    const after = (await login(secret)).token;
    expect(kidOf(after)).not.toBe(kidOf(before));
    expect([await post(before), await post(after)]).toEqual([202, 202]);
    const { body } = await send('GET', '/.well-known/jwks.json');
    const keys = body['keys'] as Record<string, string>[];
    expect(keys.map(({ kid }) => kid)).toEqual([kidOf(after), kidOf(before)]);
    expect(keys[0]).toEqual({
      kty: 'EC',
      crv: 'P-256',
      use: 'sig',
      alg: 'ES256',
      kid: kidOf(after),
      x: expect.any(String),
      y: expect.any(String),
    });
  });
  expect([...statuses].sort()).toEqual([200, 202]);
  writeFileSync(keyFile, second);
  await gateway.reload();
  expect([await post(before), await post((await login(secret)).token)]).toEqual([401, 202]);
  writeFileSync(keyFile, 'nonsense');
  await gateway.reload();
  expect(await post((await login(secret)).token)).toBe(202);
});

test('the certificate is changed under load; a faulty one changes nothing', async () => {
  const before = await fingerprint();
  const statuses = await underLoad(async () => {
    writeTls();
    await gateway.reload();
    expect(await fingerprint()).not.toBe(before);
  });
  expect([...statuses].sort()).toEqual([200, 202]);
  const present = await fingerprint();
  writeFileSync(tlsKeyFile, selfSignedCertificate().key);
  await gateway.reload();
  expect(await fingerprint()).toBe(present);
});

test('a client that is taken out of the file loses its tokens', async () => {
  const { token } = await login(secret);
  expect(await post(token)).toBe(202);
  writeFileSync(clientsFile, 'clients:\n  - { id: reader, public: true, scopes: [events:read] }\n');
  await gateway.reload();
  expect([await post(token), (await login(secret)).status]).toEqual([401, 401]);
});
