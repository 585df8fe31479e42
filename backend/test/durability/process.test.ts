import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { GatewayProcess } from '../support/gateway-process';

const folder = mkdtempSync(join(tmpdir(), 'sluice-process-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = (more: Record<string, string> = {}) => ({
  STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
  ...more,
});

async function startAndFail(environment: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  const gateway = new GatewayProcess(environment);
  await expect(gateway.start()).rejects.toThrow('ended before');
  return { code: await gateway.ended(), stderr: gateway.stderr };
}

test('bad settings stop the start: each is named with what would be right', async () => {
  const { code, stderr } = await startAndFail(
    settings({
      PORT: 'eighty',
      LEASE_MS: '-1',
      ADEVENTSX_URL: 'ftp://x',
      ADEVENTSX_API_KEY: 'k',
      JWT_SECRET: 'short-secret',
    }),
  );
  expect(code).toBe(1);
  for (const name of ['PORT', 'LEASE_MS', 'ADEVENTSX_URL', 'JWT_SECRET'])
    expect(stderr).toMatch(new RegExp(`${name} was .*must`));
  expect(stderr).not.toContain('short-secret');
});

test('what is set in vain is a line in the log each, and stops nothing', async () => {
  const gateway = new GatewayProcess(
    settings({ ADEVENTX_URL: 'http://hunter2/', HTTPS_PROXY: 'http://hunter2@proxy/', SLUICE_URL: 'http://x' }),
  );
  await gateway.start();
  await gateway.stop();
  expect(gateway.lines.filter(({ msg }) => msg.startsWith('settings.'))).toMatchObject([
    { msg: 'settings.unknown_variable', variable: 'ADEVENTX_URL', similarTo: 'ADEVENTSX_URL' },
    { msg: 'settings.proxy_unused', variables: ['HTTPS_PROXY'] },
    { msg: 'settings.no_destination' },
    { msg: 'settings.jwt_key_made', setting: 'JWT_SECRET' },
  ]);
  expect(JSON.stringify(gateway.lines)).not.toContain('hunter2');
});

test('production refuses to make its own JWT_SECRET', async () => {
  const { code, stderr } = await startAndFail(settings({ NODE_ENV: 'production' }));
  expect(code).toBe(1);
  expect(stderr).toContain('JWT_SECRET');
});

test('production refuses the public clients of the development file', async () => {
  const { code, stderr } = await startAndFail(settings({ NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) }));
  expect(code).toBe(1);
  expect(stderr).toMatch(/public/);
});

test('every faulty file is named by its setting, with all its faults', async () => {
  const files = {
    CLIENTS_FILE: 'clients: [{ id: a }, { id: b, public: true, scopes: [events:all] }]',
    EVENTS_FILE: 'events: []',
    DESTINATIONS_FILE: 'destinations: [{ name: a }]',
    JWT_KEY_FILE: 'no key',
  };
  const paths = Object.entries(files).map(([name, text]): [string, string] => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return [name, path];
  });
  const { code, stderr } = await startAndFail(settings(Object.fromEntries(paths)));
  expect(code).toBe(1);
  for (const [name, path] of paths) expect(stderr).toContain(`${name}: ${path} cannot be used`);
  expect(stderr).toContain('clients[0].scopes is missing');
  expect(stderr).toContain('clients[1].scopes[0] must be one of');
});

test('a file that is not there is told with the other settings', async () => {
  const { code, stderr } = await startAndFail(settings({ PORT: 'x', CLIENTS_FILE: join(folder, 'none.yml') }));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^ *CLIENTS_FILE was .*there is no such file/m);
  expect(stderr).toMatch(/^ *PORT was /m);
});

test.each([
  ['HOST', { HOST: '192.0.2.1' }, 'HOST was 192.0.2.1; it must be an address of this machine'],
  ['STORE_URL', { STORE_URL: `sqlite:${__filename}` }, `STORE_URL was ${__filename}: `],
])('what the system refuses is told by its setting: %s', async (_name, environment, said) => {
  const { code, stderr } = await startAndFail(settings(environment));
  expect(code).toBe(1);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain('    at ');
});

test.each(['PORT', 'METRICS_PORT'])('%s in use is said in words', async (name) => {
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as net.AddressInfo;
  const { code, stderr } = await startAndFail(settings({ [name]: String(port) }));
  other.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`port ${String(port)} is in use; .* set ${name} to`));
});

test('SIGTERM ends it with code 0; without JWT_SECRET in development a line says that a key was made', async () => {
  const gateway = await new GatewayProcess(settings({ NODE_ENV: 'development' })).start();
  expect(gateway.lines).toContainEqual(
    expect.objectContaining({ msg: 'settings.jwt_key_made', setting: 'JWT_SECRET' }),
  );
  expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
});
