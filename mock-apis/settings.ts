import {
  apiTables,
  envPrefixes,
  serverTable,
  type MockSettings,
  type Setting,
  type SettingsPatch,
} from './settings-table';

/** Settings that were refused: every fault, each with what would be right. Nothing was changed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

type Table = Readonly<Record<string, Setting<unknown>>>;
type Values = Record<string, unknown>;

const groupTables: ReadonlyMap<string, Table> = new Map<string, Table>(Object.entries(apiTables));

function fallbacks(table: Table): Values {
  return Object.fromEntries(Object.entries(table).map(([key, { fallback }]) => [key, fallback]));
}

/** Every setting at its default. */
export function defaultSettings(): MockSettings {
  const groups = [...groupTables].map(([group, table]): [string, Values] => [group, fallbacks(table)]);
  // The shape is the tables' own, which is where the type comes from too.
  const settings: unknown = { ...fallbacks(serverTable), ...Object.fromEntries(groups) };
  return settings as MockSettings;
}

function isPlainObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const written = JSON.stringify(value) ?? String(value);
  return written.length > 100 ? `${written.slice(0, 100)}…` : written;
}

function checkValue(path: string, setting: Setting<unknown>, value: unknown, faults: string[]): void {
  if (!setting.rule.isValid(value)) faults.push(`${path} must be ${setting.rule.expects}, not ${shown(value)}`);
}

function mergeGroup(path: string, table: Table, current: Values, patch: unknown, faults: string[]): Values {
  if (!isPlainObject(patch)) {
    faults.push(`${path} must be an object with any of: ${Object.keys(table).join(', ')}`);
    return current;
  }
  for (const [key, value] of Object.entries(patch)) {
    const setting = Object.hasOwn(table, key) ? table[key] : undefined;
    if (setting === undefined) {
      faults.push(`${path}.${key} is not a setting; known are: ${Object.keys(table).join(', ')}`);
    } else {
      checkValue(`${path}.${key}`, setting, value, faults);
    }
  }
  // A copy: what the caller does to its object later changes nothing here, and the same script set
  // again is a new one.
  return faults.length === 0 ? { ...current, ...structuredClone(patch) } : current;
}

function checkRelations(settings: MockSettings, faults: string[]): void {
  const { adeventsx, eventApi } = settings;
  const total = adeventsx.failRate + Object.values(adeventsx.faults).reduce((sum, chance) => sum + chance, 0);
  if (total > 1 + 1e-9) faults.push(`adeventsx.failRate and the rates of adeventsx.faults must add up to at most 1`);
  if (eventApi.addEventSuccesses + eventApi.addEventFailures === 0) {
    faults.push('eventApi.addEventSuccesses and eventApi.addEventFailures must not both be 0');
  }
}

/**
 * The settings with a patch laid over them, all of it or (by a SettingsError) none.
 * `atStart`: whether host, port and seed may be in the patch.
 */
export function mergeSettings(current: MockSettings, patch: unknown, atStart: boolean): MockSettings {
  if (!isPlainObject(patch)) throw new SettingsError(['settings must be a JSON object']);
  const faults: string[] = [];
  const merged: Values = { ...current };
  for (const [key, value] of Object.entries(patch)) {
    const group = groupTables.get(key);
    const setting = Object.hasOwn(serverTable, key) ? (serverTable as Table)[key] : undefined;
    if (group !== undefined) {
      merged[key] = mergeGroup(key, group, merged[key] as Values, value, faults);
    } else if (setting === undefined) {
      const known = [...Object.keys(serverTable), ...groupTables.keys()];
      faults.push(`${key} is not a setting; known are: ${known.join(', ')}`);
    } else if (!atStart) {
      faults.push(`${key} can only be set at start`);
    } else {
      checkValue(key, setting, value, faults);
      merged[key] = value;
    }
  }
  const settings = merged as unknown as MockSettings;
  if (faults.length === 0) checkRelations(settings, faults);
  if (faults.length > 0) throw new SettingsError(faults);
  return settings;
}

interface NamedSetting {
  readonly env: string;
  readonly group: string | null;
  readonly key: string;
  readonly setting: Setting<unknown>;
}

const envName = (prefix: string, key: string): string => prefix + key.replace(/[A-Z]/g, '_$&').toUpperCase();

/** Every setting with the name of its environment variable. */
export function allSettings(): NamedSetting[] {
  const named = (prefix: string, group: string | null, table: Table): NamedSetting[] =>
    Object.entries(table).map(([key, setting]) => ({ env: envName(prefix, key), group, key, setting }));
  return [
    ...named('MOCK_', null, serverTable),
    ...Object.entries(envPrefixes).flatMap(([group, prefix]) => named(prefix, group, groupTables.get(group) ?? {})),
  ];
}

/**
 * The settings that an environment asks for. Throws a SettingsError that names every fault by its
 * variable.
 */
export function settingsFromEnvironment(env: Readonly<Record<string, string | undefined>>): MockSettings {
  const faults: string[] = [];
  const patch: Values = {};
  const known = new Map(allSettings().map((each) => [each.env, each]));
  for (const [name, text] of Object.entries(env)) {
    const found = known.get(name);
    if (found !== undefined && text !== undefined) {
      const value = found.setting.rule.fromText(text.trim());
      if (!found.setting.rule.isValid(value)) {
        faults.push(`${name} must be ${found.setting.rule.expects}, not ${shown(text)}`);
      } else if (found.group === null) {
        patch[found.key] = value;
      } else {
        patch[found.group] = { ...(patch[found.group] as Values | undefined), [found.key]: value };
      }
    } else if (Object.values(envPrefixes).some((prefix) => name.startsWith(prefix))) {
      // A misspelt name that is silently ignored costs more than a refusal.
      faults.push(`${name} is not a setting; run with --help for those that are`);
    }
  }
  if (faults.length > 0) throw new SettingsError(faults);
  return mergeSettings(defaultSettings(), patch, true);
}

/** The settings that differ from their defaults, as they would be written in an environment. */
export function changedSettings(settings: MockSettings): string[] {
  return allSettings().flatMap(({ env, group, key, setting }) => {
    const values = (group === null ? settings : settings[group as keyof SettingsPatch]) as unknown as Values;
    const text = setting.rule.toText(values[key]);
    return text === setting.rule.toText(setting.fallback) ? [] : [`${env}=${text}`];
  });
}
