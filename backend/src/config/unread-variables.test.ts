import { loadConfig } from './config';
import { SETTING_GROUPS } from './settings';

const warningsOf = (environment: Record<string, string>) => loadConfig(environment).warnings();
const namedIn = (environment: Record<string, string>) =>
  warningsOf(environment).map(({ fields }) => [fields['variable'], fields['similarTo']]);

describe('a variable that is nearly one of ours', () => {
  it.each([
    ['ADEVENTX_URL', 'ADEVENTSX_URL'],
    ['ADEVENTSX_API_KEYS', 'ADEVENTSX_API_KEY'],
    ['EVENT_FILE', 'EVENTS_FILE'],
    ['DESTINATION_FILE', 'DESTINATIONS_FILE'],
    ['EVENT_API_ULR', 'EVENT_API_URL'],
    ['jwt_secret', 'JWT_SECRET'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG-LEVEL', 'LOG_LEVEL'],
    ['\ufeffPORT', 'PORT'],
    ['SLUICE_PORT', 'PORT'],
    ['SLUICE_ADEVENTX_URL', 'ADEVENTSX_URL'],
    ['SLUICE_VERBOSE', null],
    ['ADEVENTSX_TOKEN', null],
    ['JWT_ALGORITHM', null],
    ['RETRY_LIMIT', null],
    ['EVENT_API_KEY', null],
    ['TLS_CERT', null],
    ['RATE_LIMIT', null],
  ])('%s is named, and what it may mean: %s', (variable, similarTo) => {
    expect(namedIn({ [variable]: '1' })).toEqual([[variable, similarTo]]);
  });

  it('is named without its value', () => {
    expect(JSON.stringify(warningsOf({ JWT_SECRETS: 'hunter2' }))).not.toContain('hunter2');
  });

  it('is none that a file of settings takes', () => {
    const config = loadConfig({ EVENT_API_KEY: 'k', ADEVENTSX_KEY_EU: 'k' });
    config.lookup('EVENT_API_KEY');
    expect(config.warnings().map(({ fields }) => fields['variable'])).toEqual(['ADEVENTSX_KEY_EU']);
  });
});

describe('what is no setting', () => {
  it.each([
    [
      'the settings themselves',
      Object.values(SETTING_GROUPS).flatMap((group) => Object.values(group).map(({ name }) => name)),
    ],
    ['the command line', ['SLUICE_URL', 'SLUICE_CLIENT', 'SLUICE_SECRET', 'SLUICE_TOKEN']],
    [
      'a container, a shell, npm and a platform',
      // prettier-ignore
      ['HOSTNAME', 'HOME', 'PATH', 'PWD', 'OLDPWD', 'USER', 'USERNAME', 'LOGNAME', 'SHELL', 'SHLVL', 'TERM', 'LANG', 'TZ', '_', 'POST',
        'NODE_VERSION', 'NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'YARN_VERSION', 'INIT_CWD', 'npm_config_user_agent',
        'npm_lifecycle_event', 'npm_package_name', 'npm_package_version', 'npm_command', 'npm_execpath', 'npm_node_execpath',
        'SSL_CERT_FILE', 'SSL_CERT_DIR', 'SSH_AUTH_SOCK', 'USER_ID', 'HOST_IP', 'POD_IP', 'POD_NAME', 'K_SERVICE', 'K_REVISION',
        'LOG_FORMAT', 'CACHE_DIR', 'STORE_ID', 'PUBLIC_KEY', 'METRICS_ENABLED', 'WEBSITE_SITE_NAME', 'DYNO', 'FLY_APP_NAME',
        'RAILWAY_ENVIRONMENT', 'RENDER_SERVICE_NAME', 'DATABASE_URL', 'REDIS_URL', 'MOCK_PORT', 'MOCK_HOST', 'CI', 'DEBUG', 'LS_COLORS'],
    ],
  ])('%s cause no warning', (_what, names) => {
    const environment = Object.fromEntries(names.map((name) => [name, '']));
    expect(warningsOf(environment)).toEqual([]);
  });

  it.each(['SLUICE', 'ADEVENTSX', 'HOST', 'USER_API', 'EVENT_API', 'JWT', 'SLUICE_METRICS'])(
    'is the Service of Kubernetes that makes %s_SERVICE_HOST',
    (service) => {
      const links = {
        [`${service}_SERVICE_HOST`]: '10.0.0.1',
        [`${service}_SERVICE_PORT`]: '3000',
        [`${service}_SERVICE_PORT_HTTP`]: '3000',
        [`${service}_PORT`]: 'tcp://10.0.0.1:3000',
        [`${service}_PORT_3000_TCP`]: 'tcp://10.0.0.1:3000',
        [`${service}_PORT_3000_TCP_PROTO`]: 'tcp',
        [`${service}_PORT_3000_TCP_PORT`]: '3000',
        [`${service}_PORT_3000_TCP_ADDR`]: '10.0.0.1',
      };
      expect(warningsOf(links)).toEqual([]);
    },
  );
});

describe('proxy variables', () => {
  it('that nobody reads are named in one warning', () => {
    expect(
      warningsOf({ HTTP_PROXY: 'http://p:1', https_proxy: 'http://u:hunter2@p:1', ALL_PROXY: 'socks5://p' }),
    ).toEqual([
      {
        name: 'settings.proxy_unused',
        fields: { variables: ['HTTP_PROXY', 'https_proxy', 'ALL_PROXY'], use: 'OUTBOUND_PROXY' },
      },
    ]);
  });

  it.each([
    { OUTBOUND_PROXY: 'http://proxy:3128', HTTPS_PROXY: 'http://proxy:3128' },
    { HTTP_PROXY: ' ', npm_config_proxy: 'http://p', NO_PROXY: 'localhost' },
  ])('cause none in %j', (environment) => {
    expect(warningsOf(environment)).toEqual([]);
  });
});
