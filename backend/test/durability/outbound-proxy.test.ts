import https from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ForwardProxy } from '../support/forward-proxy';
import { GatewayProcess } from '../support/gateway-process';
import { selfSignedCertificate } from '../support/self-signed-certificate';
import { purchase } from '../support/test-gateway';

const folder = mkdtempSync(join(tmpdir(), 'sluice-proxy-'));
const [ofUpstream, ofProxy] = [selfSignedCertificate('upstream.test'), selfSignedCertificate('localhost')];
const authorities = join(folder, 'authorities.pem');
writeFileSync(authorities, ofUpstream.cert + ofProxy.cert);

const proxy = new ForwardProxy(ofProxy);
const asked: string[] = [];
/** Takes conversions, and answers for every user as the user API does. */
const upstream = https.createServer(ofUpstream, (request, response) => {
  asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
  request.resume();
  request.on('end', () => {
    if (request.method === 'POST') response.writeHead(202).end('{"status":"accepted"}');
    else
      response.end(
        '{"data":{"id":"user1","name":"A","email":"a@b.example","joinedAt":"2026-01-01T00:00:00Z","status":"active"}}',
      );
  });
});
let gateway: GatewayProcess;

beforeAll(async () => {
  await proxy.start();
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const base = `https://upstream.test:${String((upstream.address() as AddressInfo).port)}`;
  gateway = new GatewayProcess({
    STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    NODE_EXTRA_CA_CERTS: authorities,
    OUTBOUND_PROXY: `https://user:hunter2@localhost:${String(proxy.port)}`,
    ADEVENTSX_URL: `${base}/v1/conversions`,
    ADEVENTSX_API_KEY: 'k',
    USER_API_URL: base,
  });
  await gateway.start();
});

afterAll(async () => {
  await gateway.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  await proxy.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (path: string, body?: object, token?: string) => {
  const response = await fetch(`${gateway.url}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: {
      'content-type': 'application/json',
      prefer: 'wait=30',
      ...(token && { authorization: `Bearer ${token}` }),
    },
  });
  return (await response.json()) as Record<string, unknown>;
};

test('a process calls its destination and its sources through the proxy, with TLS on both legs', async () => {
  const { access_token: token } = await ask('/auth', { clientId: 'marketing-dashboard' });
  const event = await ask('/events', purchase(), String(token));
  expect(event['status']).toBe('delivered');
  const summary = await ask('/users/user1/summary', undefined, String(token));
  expect(summary).toMatchObject({ profile: { name: 'A' } });

  expect(asked).toContain('POST /v1/conversions');
  expect(asked).toContain('GET /api/users/user1/profile');
  const { line, authorization } = proxy.requests[0] ?? {};
  expect(line).toMatch(/^CONNECT upstream\.test:\d+$/);
  expect(authorization).toBe(`Basic ${Buffer.from('user:hunter2').toString('base64')}`);
  const logged = JSON.stringify(gateway.lines) + gateway.stderr;
  expect(logged).not.toContain('hunter2');
  expect(logged).not.toContain(String(authorization));
});
