import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import supertest from 'supertest';

import { FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

const CONFIG = join(__dirname, '../../../config');

describe('a SIGHUP to the process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-reload-'));
  const files = Object.fromEntries(
    ['clients', 'events', 'destinations'].map((name) => [name, join(folder, `${name}.yml`)]),
  );
  const upstream = new FakeDestination();
  const gateway = new GatewayProcess({
    STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
    CLIENTS_FILE: files['clients'] ?? '',
    EVENTS_FILE: files['events'] ?? '',
    DESTINATIONS_FILE: files['destinations'] ?? '',
    KEY: 'key-1',
  });
  const write = (name: string, text: string) => writeFileSync(files[name] ?? '', text);
  let token = '';

  beforeAll(async () => {
    await upstream.start();
    for (const name of ['clients', 'events']) cpSync(join(CONFIG, `${name}.yml`), files[name] ?? '');
    write('destinations', 'destinations: []\n');
    await gateway.start();
    const { body } = await supertest(gateway.url).post('/auth').send({ clientId: 'marketing-dashboard' });
    token = (body as { access_token: string }).access_token;
  });

  afterAll(async () => {
    gateway.signal('SIGTERM');
    await gateway.ended();
    await upstream.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Sends it, and waits until the last of the files has been read. Returns what was logged of each setting. */
  async function hangUp(): Promise<[fact: string, setting: unknown, fault: unknown][]> {
    gateway.lines.length = 0;
    gateway.signal('SIGHUP');
    const said = () => gateway.lines.filter(({ msg }) => /^settings\.re(loaded|fused)$/.test(msg));
    while (!said().some(({ setting }) => setting === 'DESTINATIONS_FILE')) await supertest(gateway.url).get('/health');
    return said().map(({ msg, setting, fault }) => [msg, setting, fault]);
  }

  const post = (fields: Record<string, unknown>) =>
    supertest(gateway.url).post('/events').set('Authorization', `Bearer ${token}`).send(purchase(fields));

  test('takes over a destination and an event name, with what the environment gives', async () => {
    const entry = `{ name: ads, type: adeventsx, url: "${upstream.url}", apiKey: "\${KEY}", events: [signup] }`;
    expect((await post({ event_name: 'signup' })).status).toBe(400);
    write('events', 'events: [{ name: signup }]\n');
    write('destinations', `destinations: [${entry}]\n`);
    expect(await hangUp()).toEqual(
      expect.arrayContaining([
        ['settings.reloaded', 'EVENTS_FILE', undefined],
        ['settings.reloaded', 'DESTINATIONS_FILE', undefined],
      ]),
    );
    expect((await post({ event_name: 'signup' })).status).toBe(202);
    await upstream.until(({ calls }) => calls.length > 0);
    expect(upstream.calls[0]?.headers['x-api-key']).toBe('key-1');
  });

  test('changes nothing by files with faults, and logs each fault with its line', async () => {
    write('events', 'events:\n  - name: login\n    points: many\n');
    write('destinations', 'destinations:\n  - name: ads\n    type: adeventsx\n');
    write('clients', 'clients: []\n');
    const said = await hangUp();
    expect(said).toEqual(
      expect.arrayContaining([
        ['settings.refused', 'CLIENTS_FILE', 'line 1: clients must not be empty'],
        ['settings.refused', 'EVENTS_FILE', expect.stringMatching(/^line 3: events\[0\]\.points /)],
        ['settings.refused', 'DESTINATIONS_FILE', expect.stringMatching(/^line 2: destinations\[0\]\.url is missing/)],
      ]),
    );
    const before = upstream.calls.length;
    expect((await post({ event_name: 'signup' })).status).toBe(202);
    await upstream.until(({ calls }) => calls.length > before);
  });
});
