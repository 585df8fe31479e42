import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type Config, ConfigError, environmentLookup, loadConfig } from './config';
import { SETTING_GROUPS } from './settings';
import type { Setting } from './setting-rules';

const SECRET = 's3cret-0123456789-0123456789-0123456789';
const OTHER_SECRET = 'another-0123456789-0123456789-0123456789';
const settings: Setting<unknown>[] = Object.values(SETTING_GROUPS).flatMap((group) =>
  Object.values<Setting<unknown>>(group),
);

/** All but what is made anew at each load. */
function valuesOf({ jwtKeys: _keys, lookup: _lookup, warnings: _warnings, ...values }: Config): object {
  return values;
}

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('the defaults', () => {
  it('are those of the contract', () => {
    expect(loadConfig({})).toMatchObject({
      environment: 'development',
      isProduction: false,
      role: 'all',
      port: 3000,
      host: '127.0.0.1',
      store: { scheme: 'sqlite', path: join(process.cwd(), 'data/gateway.db') },
      cache: { scheme: 'memory' },
      corsOrigins: [],
      trustProxy: false,
      metricsPort: null,
      adeventsxUrl: null,
      eventApiUrl: null,
      userApiUrl: null,
      destinationsFile: null,
      rateLimitPerMinute: 6000,
      backlogMax: 1_000_000,
      eventMaxAgeMs: 7 * 86_400_000,
      eventMaxAheadMs: 300_000,
      attemptTimeoutMs: 10_000,
      leaseMs: 60_000,
      retryBaseMs: 1000,
      retryMaxMs: 3_600_000,
      retryForMs: 86_400_000,
      circuitCooldownMs: 5000,
      deliveryConcurrency: 64,
      batchDeadlineMs: 1400,
      shutdownTimeoutMs: 10_000,
    });
  });

  it('pass their own rules, so that writing one down changes nothing', () => {
    const written = settings.filter(({ fallback }) => ['string', 'number'].includes(typeof fallback));
    expect(written.length).toBeGreaterThan(15);
    const environment = Object.fromEntries(written.map(({ name, fallback }) => [name, String(fallback)]));
    expect(valuesOf(loadConfig(environment))).toEqual(valuesOf(loadConfig({})));
  });

  it('name the shipped files by their absolute paths', () => {
    const { clientsFile, eventsFile } = loadConfig({});
    expect(existsSync(clientsFile)).toBe(true);
    expect(existsSync(eventsFile)).toBe(true);
  });

  it('name the version and the migrations of this package', () => {
    const { version, migrationsFolder } = loadConfig({});
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(existsSync(migrationsFolder)).toBe(true);
  });

  it('apply to what is empty or blank', () => {
    expect(loadConfig({ PORT: '', JWT_SECRET: '  ', ADEVENTSX_URL: '', ROLE: '\r' }).port).toBe(3000);
  });
});

describe('the settings', () => {
  it('are each named once', () => {
    const names = settings.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('are frozen', () => {
    const config = loadConfig({});
    expect(() => ((config as { port: number }).port = 1)).toThrow(TypeError);
  });

  it.each([
    ['PORT', '0', { port: 0 }],
    ['PORT', ' 8080\r', { port: 8080 }],
    ['METRICS_PORT', '9100', { metricsPort: 9100 }],
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'localhost', { host: 'localhost' }],
    ['ROLE', 'worker', { role: 'worker' }],
    ['STORE_URL', 'sqlite:/var/lib/sluice/g.db', { store: { scheme: 'sqlite', path: '/var/lib/sluice/g.db' } }],
    ['STORE_URL', 'sqlite:///var/lib/g.db', { store: { scheme: 'sqlite', path: '/var/lib/g.db' } }],
    ['STORE_URL', 'sqlite:g.db', { store: { scheme: 'sqlite', path: join(process.cwd(), 'g.db') } }],
    ['CACHE_URL', 'memory:', { cache: { scheme: 'memory' } }],
    ['CLIENTS_FILE', 'config/clients.yml', { clientsFile: join(process.cwd(), 'config/clients.yml') }],
    ['EVENT_API_URL', 'http://127.0.0.1:3001/', { eventApiUrl: 'http://127.0.0.1:3001' }],
    ['USER_API_URL', 'https://users.example.com/base/', { userApiUrl: 'https://users.example.com/base' }],
    [
      'CORS_ORIGINS',
      'https://a.example, http://localhost:5173',
      { corsOrigins: ['https://a.example', 'http://localhost:5173'] },
    ],
    ['TRUST_PROXY', '2', { trustProxy: 2 }],
    ['TRUST_PROXY', 'loopback, 10.0.0.0/8,fd00::/8', { trustProxy: 'loopback, 10.0.0.0/8, fd00::/8' }],
    ['BACKLOG_MAX', '1', { backlogMax: 1 }],
    ['PUBLIC_URL', 'https://example.com/sluice/', { publicUrl: 'https://example.com/sluice' }],
    ['PUBLIC_URL', 'https://example.com', { publicUrl: 'https://example.com' }],
    [
      'OUTBOUND_PROXY',
      'http://user:p%40ss@proxy.example.com:3128',
      {
        proxy: {
          protocol: 'http:',
          hostname: 'proxy.example.com',
          port: 3128,
          authorization: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
          bypass: [],
        },
      },
    ],
    [
      'OUTBOUND_PROXY',
      'https://[fd00::1]/',
      { proxy: { protocol: 'https:', hostname: 'fd00::1', port: 443, authorization: null, bypass: [] } },
    ],
  ])('%s=%s is taken', (name, text, expected) => {
    expect(loadConfig({ [name]: text })).toMatchObject(expected);
  });

  it('ADEVENTSX_URL is the whole URL of an endpoint', () => {
    const config = loadConfig({ ADEVENTSX_URL: 'http://localhost:3001/v1/conversions', ADEVENTSX_API_KEY: 'k' });
    expect(config).toMatchObject({ adeventsxUrl: 'http://localhost:3001/v1/conversions', adeventsxApiKey: 'k' });
    const slashed = loadConfig({ ADEVENTSX_URL: 'http://localhost/v1/?mode=x', ADEVENTSX_API_KEY: 'k' });
    expect(slashed.adeventsxUrl).toBe('http://localhost/v1/?mode=x');
  });

  it('listen on every interface in production', () => {
    expect(loadConfig({ NODE_ENV: 'production', JWT_SECRET: SECRET })).toMatchObject({
      host: '0.0.0.0',
      isProduction: true,
    });
  });
});

describe('a wrong setting', () => {
  it.each([
    ['PORT', 'abc', 'from 0 to 65535'],
    ['PORT', '65536', 'from 0 to 65535'],
    ['PORT', '-1', 'from 0 to 65535'],
    ['PORT', '3e3', 'whole number'],
    ['PORT', '0x10', 'whole number'],
    ['PORT', '3000.5', 'whole number'],
    ['BACKLOG_MAX', '99999999999999999999', 'whole number from 1'],
    ['LEASE_MS', '60s', '60s is 60000'],
    ['RETRY_FOR_MS', '24h', '24h is 86400000'],
    ['LEASE_MS', '60', '60 seconds are 60000'],
    ['ATTEMPT_TIMEOUT_MS', '0', 'milliseconds from 50'],
    ['NODE_ENV', 'prod', 'one of development, test, production'],
    ['ROLE', 'API', 'one of all, api, worker'],
    ['LOG_LEVEL', 'verbose', 'one of debug'],
    ['HOST', 'http://localhost', 'IP address or a host name'],
    ['STORE_URL', 'postgres://u:p@db/x', 'PostgreSQL is not available in this version'],
    ['STORE_URL', 'postgresql://db/x', 'PostgreSQL is not available in this version'],
    ['STORE_URL', 'mysql://db/x', 'sqlite:<path'],
    ['STORE_URL', 'sqlite:', 'sqlite:<path'],
    ['STORE_URL', 'sqlite::memory:', 'would lose accepted events'],
    ['STORE_URL', 'sqlite://host/g.db', 'sqlite:<path'],
    ['STORE_URL', 'sqlite:./data/', 'a folder'],
    ['STORE_URL', 'sqlite:g.db?mode=ro', 'no options'],
    ['STORE_URL', './data/gateway.db', 'sqlite:<path'],
    ['CACHE_URL', 'redis://r:6379', 'Redis is not available in this version'],
    ['CACHE_URL', 'memory', 'memory:'],
    ['EVENT_API_URL', 'localhost:3001', 'http:// or https:// with a host'],
    ['EVENT_API_URL', 'ftp://x/', 'http:// or https:// with a host'],
    ['EVENT_API_URL', 'http://', 'with a host'],
    ['EVENT_API_URL', 'http:///path', 'with a host'],
    ['EVENT_API_URL', 'http://a b/', 'not a URL'],
    ['EVENT_API_URL', 'http://u:p@x/', 'without a user name'],
    ['USER_API_URL', 'http://x/#top', 'is never sent'],
    ['EVENT_API_URL', 'http://x/?a=1', 'appended to a query'],
    ['CORS_ORIGINS', '*', 'no path and no \\*'],
    ['CORS_ORIGINS', 'https://a.example/', 'no path'],
    ['CORS_ORIGINS', 'a.example', 'is not one'],
    ['TRUST_PROXY', 'true', 'is neither'],
    ['TRUST_PROXY', '0', 'is neither'],
    ['TRUST_PROXY', '0.0.0.0/0', 'is neither'],
    ['TRUST_PROXY', '10.0.0.0/33', 'is neither'],
    ['TRUST_PROXY', ',', 'number of proxies'],
    ['ADEVENTSX_API_KEY', 'two words', 'without spaces'],
    ['ADEVENTSX_API_KEY', 'ключ', 'printable ASCII'],
    ['PUBLIC_URL', 'example.com/sluice', 'http:// or https:// with a host'],
    ['PUBLIC_URL', 'https://example.com/?a=1', 'appended to a query'],
    ['OUTBOUND_PROXY', 'proxy.example.com:3128', 'such as http://user:password@proxy.example.com:3128'],
    ['OUTBOUND_PROXY', 'socks5://proxy:1080', 'a SOCKS proxy is not supported'],
    ['OUTBOUND_PROXY', 'http://proxy/path', 'a proxy has no path'],
    ['OUTBOUND_PROXY', 'http://us%er@proxy/', 'URI malformed'],
    ['METRICS_PORT', 'tcp://10.0.0.1:9100', 'Kubernetes sets it for a Service of that name'],
    ['JWT_SECRET', 'short', 'at least 32 bytes'],
    ['JWT_SECRET', `${SECRET},short`, 'secret 2 has 5 bytes'],
    ['JWT_SECRET', `${SECRET},${SECRET}`, 'the same'],
    ['JWT_SECRET', `${SECRET},${OTHER_SECRET},${SECRET}x`, 'there are 3'],
    ['JWT_SECRET', ',', 'there are 0'],
  ])('%s=%s is refused, saying: %s', (name, text, expected) => {
    const faults = faultsOf({ [name]: text });
    expect(faults[0]).toMatch(new RegExp(`^${name} was .*${expected}`));
    expect(faults).toHaveLength(1);
  });

  it('is reported together with all others', () => {
    const faults = faultsOf({
      PORT: 'x',
      ROLE: 'y',
      LEASE_MS: '1s',
      RETRY_BASE_MS: '0',
      RETRY_MAX_MS: '10',
      NODE_ENV: 'production',
    });
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'ROLE',
      'PORT',
      'LEASE_MS',
      'RETRY_BASE_MS',
      'JWT_SECRET',
    ]);
  });

  it('never shows a secret, nor the password of a URL', () => {
    const error = new ConfigError(
      faultsOf({
        JWT_SECRET: 'hunter2',
        ADEVENTSX_API_KEY: 'hunter2 hunter2',
        STORE_URL: 'postgres://user:hunter2@db/x',
        EVENT_API_URL: 'ftp://x/?key=hunter2',
        ADEVENTSX_URL: 'https://user:hunter2@x/',
        OUTBOUND_PROXY: 'user:hunter2@proxy:3128',
      }),
    );
    expect(error.faults).toHaveLength(6);
    expect(String(error)).not.toContain('hunter2');
    expect(String(error)).toContain('postgres://***@db/x');
  });

  it('is cut where it is long', () => {
    expect(faultsOf({ PORT: 'x'.repeat(100_000) })[0]?.length).toBeLessThan(300);
  });
});

describe('a value in its quotes', () => {
  it.each(['"', "'"])('is named, and not shown: %s', (quote) => {
    const faults = faultsOf({
      JWT_SECRET: `${quote}${SECRET}${quote}`,
      ADEVENTSX_API_KEY: `${quote}key${quote} # of the test account`,
      CLIENTS_FILE: `${quote}config/clients.yml${quote}`,
      PORT: `${quote}3000${quote}`,
    });
    expect(faults).toEqual(
      ['PORT', 'JWT_SECRET', 'CLIENTS_FILE', 'ADEVENTSX_API_KEY'].map(
        (name) => `${name} was in quotes; write its value without them (docker --env-file keeps them).`,
      ),
    );
  });

  it('is none where a quote is part of it', () => {
    expect(faultsOf({ JWT_SECRET: `"${SECRET}` })).toEqual([]);
    expect(faultsOf({ JWT_SECRET: `it's ${SECRET}'s` })).toEqual([]);
  });
});

describe('NO_PROXY', () => {
  it.each([{ NO_PROXY: 'a.example, .b.example 10.0.0.0/8' }, { no_proxy: 'a.example,.b.example,10.0.0.0/8' }])(
    'is read in either case: %j',
    (environment) => {
      const { proxy } = loadConfig({ OUTBOUND_PROXY: 'http://proxy', ...environment });
      expect(proxy?.bypass).toEqual(['a.example', '.b.example', '10.0.0.0/8']);
    },
  );
});

describe('relations', () => {
  it.each([
    [{ RETENTION_MS: '691199999' }, 'RETENTION_MS was 691199999; it must be at least .* 691200000'],
    [{ ATTEMPT_TIMEOUT_MS: '10000', LEASE_MS: '10999' }, 'LEASE_MS was 10999; it must be at least .* 11000'],
    [{ PORT: '4000', METRICS_PORT: '4000' }, 'METRICS_PORT was 4000; it must differ'],
    [{ ADEVENTSX_URL: 'http://x/' }, 'ADEVENTSX_API_KEY was not set'],
    [{ NODE_ENV: 'production' }, 'JWT_SECRET was not set'],
  ])('%j is refused', (environment, expected) => {
    const faults = faultsOf(environment);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${expected}`));
  });

  it('are not asked of settings that are wrong by themselves', () => {
    expect(faultsOf({ PORT: 'x', METRICS_PORT: 'y' })).toHaveLength(2);
  });

  it.each([
    { ATTEMPT_TIMEOUT_MS: '10000', LEASE_MS: '11000' },
    // The longest wait bounds the first one too.
    { RETRY_BASE_MS: '1000', RETRY_MAX_MS: '500', RETRY_FOR_MS: '1000' },
    { PORT: '0', METRICS_PORT: '0' },
    { ADEVENTSX_API_KEY: 'k' },
    // The period is the bound that counts: a longest wait beyond it is never reached.
    { RETRY_FOR_MS: '2000' },
  ])('%j is taken', (environment) => {
    expect(faultsOf(environment)).toEqual([]);
  });
});

describe('JWT_SECRET', () => {
  const bytesOf = (environment: Record<string, string>) =>
    loadConfig(environment).jwtKeys.map((key) => key.export().toString());

  it('is one key or two, in order', () => {
    expect(bytesOf({ JWT_SECRET: SECRET })).toEqual([SECRET]);
    expect(bytesOf({ JWT_SECRET: `${SECRET}, ${OTHER_SECRET}` })).toEqual([SECRET, OTHER_SECRET]);
    expect(loadConfig({ JWT_SECRET: SECRET }).isJwtKeyMade).toBe(false);
  });

  it('counts bytes, not characters, and 32 are enough', () => {
    expect(bytesOf({ JWT_SECRET: 'x'.repeat(32) })).toHaveLength(1);
    expect(faultsOf({ JWT_SECRET: 'x'.repeat(31) })).toHaveLength(1);
    expect(bytesOf({ JWT_SECRET: 'ж'.repeat(16) })).toHaveLength(1);
    expect(faultsOf({ JWT_SECRET: 'ж'.repeat(15) })).toHaveLength(1);
  });

  it('is made for the run outside production, another each time', () => {
    const [first, second] = [loadConfig({}), loadConfig({ NODE_ENV: 'test' })];
    expect([first.isJwtKeyMade, second.isJwtKeyMade]).toEqual([true, true]);
    expect(first.jwtKeys[0]?.symmetricKeySize).toBe(32);
    expect(first.jwtKeys[0]?.export()).not.toEqual(second.jwtKeys[0]?.export());
  });

  it('is not in a config that is printed', () => {
    const config = loadConfig({ JWT_SECRET: SECRET });
    expect(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)).not.toContain(SECRET);
  });
});

describe('environmentLookup', () => {
  it('finds what is set and not blank', () => {
    const lookup = environmentLookup({ A: ' x ', B: '', C: ' ' });
    expect(['A', 'B', 'C', 'D'].map(lookup)).toEqual(['x', undefined, undefined, undefined]);
  });
});
