import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  allSettings,
  changedSettings,
  defaultSettings,
  mergeSettings,
  settingsFromEnvironment,
  SettingsError,
} from './settings';

function faultsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('settings from the environment', () => {
  it('are the defaults where it says nothing, whatever else it holds', () => {
    expect(settingsFromEnvironment({ PATH: '/bin', MOCK_URL: 'x' })).toEqual(defaultSettings());
    expect(changedSettings(defaultSettings())).toEqual([]);
  });

  it('are read in each form', () => {
    const settings = settingsFromEnvironment({
      MOCK_HOST: '0.0.0.0',
      MOCK_PORT: '0',
      MOCK_SEED: '42',
      MOCK_ADEVENTSX_FAIL_RATE: '0.25',
      MOCK_ADEVENTSX_FAIL_STATUSES: '500, 429',
      MOCK_ADEVENTSX_FAULTS: 'hang=0.01,429:2=0.05,redirect:http://x/?a=b=0.1',
      MOCK_ADEVENTSX_SCRIPT: '503*3, hang',
      MOCK_ADEVENTSX_DELAY_MS: '20',
      MOCK_EVENT_ADD_EVENT_IS_VISIBLE: 'true',
      MOCK_USER_PROFILE_DELAY_MS: '1-5',
      MOCK_USER_FAIL_RATE: '',
      MOCK_USER_FAIL_STATUSES: '404,503',
      MOCK_USER_SLOW_RATE: '1',
    });
    expect(settings).toMatchObject({ host: '0.0.0.0', port: 0, seed: 42 });
    expect(settings.adeventsx).toMatchObject({
      failRate: 0.25,
      failStatuses: [500, 429],
      faults: { hang: 0.01, '429:2': 0.05, 'redirect:http://x/?a=b': 0.1 },
      script: ['503*3', 'hang'],
      delayMs: [20, 20],
    });
    expect(settings.eventApi.addEventIsVisible).toBe(true);
    expect(settings.userApi).toMatchObject({
      profileDelayMs: [1, 5],
      failRate: null,
      failStatuses: [404, 503],
      slowRate: 1,
    });
  });

  it('are shown as they would be written, and read back as the same', () => {
    const env = {
      MOCK_PORT: '4001',
      MOCK_ADEVENTSX_FAULTS: 'hang=0.01,drip:50=0.1',
      MOCK_ADEVENTSX_SCRIPT: '503*3,hang',
      MOCK_USER_DELAY_MS: '1-5',
      MOCK_USER_SYNTHETIC_USERS: 'true',
    };
    const shown = changedSettings(settingsFromEnvironment(env)).sort();
    expect(shown).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  it.each([
    ['MOCK_PORT', '65536', 'a whole number from 0 to 65535'],
    ['MOCK_PORT', '', 'a whole number'],
    ['MOCK_PORT', '0x10', 'a whole number'],
    ['MOCK_HOST', 'a b', 'a host name or address'],
    ['MOCK_SEED', '1.5', 'a whole number'],
    ['MOCK_ADEVENTSX_API_KEY', '', '1 to 256 printable characters'],
    ['MOCK_ADEVENTSX_FAIL_RATE', '1.01', 'a number from 0'],
    ['MOCK_ADEVENTSX_FAIL_RATE', '-0.1', 'a number from 0'],
    ['MOCK_ADEVENTSX_FAIL_RATE', '50%', 'a number from 0'],
    ['MOCK_ADEVENTSX_FAIL_STATUSES', '200', 'from 400 to 599'],
    ['MOCK_ADEVENTSX_FAIL_STATUSES', '', 'one or more'],
    ['MOCK_ADEVENTSX_FAULTS', 'hang', 'a rate'],
    ['MOCK_ADEVENTSX_FAULTS', 'hagn=0.1', 'a behaviour|behaviours of'],
    ['MOCK_ADEVENTSX_SCRIPT', '503,,503', 'behaviours of'],
    ['MOCK_ADEVENTSX_BEHAVIOUR', 'accepted', 'a behaviour of'],
    ['MOCK_ADEVENTSX_REMEMBER', '5000001', 'a whole number from 0 to 5000000'],
    ['MOCK_USER_PROFILE_DELAY_MS', '300-100', 'smaller first'],
    ['MOCK_USER_PROFILE_DELAY_MS', '1-2-3', 'milliseconds'],
    ['MOCK_USER_PROFILE_DELAY_MS', '600001', 'milliseconds'],
    ['MOCK_USER_SYNTHETIC_USERS', 'yes', 'true or false'],
    ['MOCK_USER_FAIL_RATE', 'none', 'empty, or a number'],
    ['MOCK_USER_PROFIL_DELAY_MS', '1', 'not a setting'],
  ])('refuse %s=%j', (name, value, expected) => {
    const faults = faultsOf(() => settingsFromEnvironment({ [name]: value }));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name} .*(${expected})`));
  });

  it('name every fault at once', () => {
    const faults = faultsOf(() => settingsFromEnvironment({ MOCK_PORT: 'x', MOCK_SEED: 'y', MOCK_EVENT_NONE: '1' }));
    expect(faults).toHaveLength(3);
  });
});

describe('settings laid over others', () => {
  it('change what they name and nothing else', () => {
    const before = defaultSettings();
    const after = mergeSettings(before, { adeventsx: { failRate: 0.5 } }, false);
    expect(after).toEqual({ ...before, adeventsx: { ...before.adeventsx, failRate: 0.5 } });
    expect(before.adeventsx.failRate).toBe(0);
  });

  it.each([
    [[], 'settings must be a JSON object'],
    [null, 'settings must be a JSON object'],
    [{ adevents: {} }, 'adevents is not a setting; known are: host, port, seed, adeventsx, eventApi, userApi'],
    [{ adeventsx: { failrate: 1 } }, 'adeventsx.failrate is not a setting; known are: apiKey'],
    [{ adeventsx: 5 }, 'adeventsx must be an object'],
    [{ adeventsx: { failRate: '0.5' } }, 'adeventsx.failRate must be a number from 0'],
    [{ adeventsx: { failRate: 0.6, faults: { hang: 0.5 } } }, 'must add up to at most 1'],
    [{ eventApi: { addEventSuccesses: 0, addEventFailures: 0 } }, 'must not both be 0'],
    [{ userApi: { delayMs: [5, 1] } }, 'userApi.delayMs must be empty, or two whole numbers'],
    [{ port: 1 }, 'port can only be set at start'],
    [{ constructor: {} }, 'constructor is not a setting'],
    [JSON.parse('{"userApi":{"__proto__":1}}'), 'userApi.__proto__ is not a setting'],
  ])('are refused: %j', (patch, expected) => {
    const faults = faultsOf(() => mergeSettings(defaultSettings(), patch, false));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(expected);
  });
});

it('README.md shows every setting with its default and meaning', () => {
  const readme = readFileSync(join(__dirname, 'README.md'), 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| `MOCK_'));
  const shown = rows.map((row) => row.split(' | ').map((cell) => cell.replace(/^\|\s*|\s*\|$/g, '').trim()));
  const expected = allSettings().map(({ env, setting }) => {
    const fallback = setting.rule.toText(setting.fallback);
    return [`\`${env}\``, fallback === '' ? '' : `\`${fallback}\``, setting.meaning];
  });
  expect(shown).toEqual(expected);
});
