import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

// A whole run at the most talkative level, with every secret used well and wrongly, and then everything it said is searched for each of them.

const made = (name: string) => `${name}-${randomBytes(24).toString('hex')}`;
const secrets = {
  jwt: made('jwt'),
  oldJwt: made('old-jwt'),
  client: made('client'),
  wrongClient: made('wrong-client'),
  apiKey: made('api-key'),
  inQuery: made('query'),
  inUrl: made('url-password'),
  inBody: made('body'),
};

test('no secret stands in any line of the log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
  const upstream = new FakeDestination();
  await upstream.start();
  const clientsFile = join(folder, 'clients.yml');
  const digest = createHash('sha256').update(secrets.client).digest('hex');
  writeFileSync(
    clientsFile,
    `clients:\n  - { id: shop, secretSha256: ['${digest}'], scopes: [events:write, events:read] }\n`,
  );
  const gateway = new GatewayProcess({
    LOG_LEVEL: 'debug',
    JWT_SECRET: `${secrets.jwt},${secrets.oldJwt}`,
    CLIENTS_FILE: clientsFile,
    ADEVENTSX_URL: upstream.url,
    ADEVENTSX_API_KEY: secrets.apiKey,
    STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
  });
  try {
    await gateway.start();
    const post = (path: string, body: string, headers: Record<string, string> = {}) =>
      fetch(`${gateway.url}${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
    const login = await post('/auth', JSON.stringify({ clientId: 'shop', clientSecret: secrets.client }));
    const { access_token: token } = (await login.json()) as { access_token: string };
    expect(login.status).toBe(200);
    const bearer = { authorization: `Bearer ${token}` };
    const answers = [
      await post('/auth', JSON.stringify({ clientId: 'shop', clientSecret: secrets.wrongClient })),
      await post('/auth', `{"clientId":"shop","clientSecret":"${secrets.inBody}"`),
      await post(`/auth?clientSecret=${secrets.inQuery}`, '{}'),
      await post('/auth/token', `grant_type=client_credentials&client_id=shop&client_secret=${secrets.wrongClient}`, {
        'content-type': 'application/x-www-form-urlencoded',
      }),
      await post('/auth/token', 'grant_type=client_credentials', {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`shop:${secrets.client}`).toString('base64')}`,
      }),
      await post('/events', JSON.stringify(purchase()), { ...bearer, prefer: 'wait=10' }),
      await post('/events', JSON.stringify({ secret: secrets.inBody }), bearer),
      await post('/events', '{}', { authorization: `Bearer ${token}x` }),
      await fetch(`${gateway.url}/nowhere?access_token=${token}`, {
        headers: { cookie: `session=${secrets.inQuery}` },
      }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 400, 400, 401, 200, 200, 400, 401, 404]);
    for (const answer of answers) {
      const text = await answer.text();
      for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
    }
    gateway.signal('SIGHUP');
    await gateway.line('settings.reloaded');
    expect(await gateway.stop()).toBe(0);
    const said = gateway.lines.map((line) => JSON.stringify(line)).join('\n') + gateway.stderr;
    expect(said).toContain('auth.refused');
    expect(said).toContain('delivery.attempted');
    const searched = [...Object.values(secrets), token, token.split('.')[2] ?? '', digest];
    for (const secret of searched) expect(said).not.toContain(secret);
    expect(said).not.toContain(Buffer.from(`shop:${secrets.client}`).toString('base64'));
  } finally {
    await gateway.kill();
    await upstream.stop();
    rmSync(folder, { recursive: true });
  }
});

test('a wrong setting is told without its value', async () => {
  const gateway = new GatewayProcess({
    JWT_SECRET: secrets.jwt.slice(0, 20),
    ADEVENTSX_API_KEY: `${secrets.apiKey} with a space`,
    ADEVENTSX_URL: `https://user:${secrets.inUrl}@127.0.0.1/?key=${secrets.inQuery}`,
  });
  await expect(gateway.start()).rejects.toThrow('settings are wrong');
  expect(gateway.stderr).toContain('JWT_SECRET');
  for (const secret of [secrets.jwt.slice(0, 20), secrets.apiKey, secrets.inUrl, secrets.inQuery]) {
    expect(gateway.stderr).not.toContain(secret);
  }
});
