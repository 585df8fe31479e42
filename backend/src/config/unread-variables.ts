/** What the environment holds that nobody reads, although its writer may think so. */
import { SETTING_GROUPS } from './settings';
import type { Setting } from './setting-rules';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A line of the log at start: its name is stable, its fields hold names of variables and never a value. */
export interface ConfigWarning {
  readonly name: 'settings.unknown_variable' | 'settings.proxy_unused';
  readonly fields: Readonly<Record<string, unknown>>;
}

const NAMES = Object.values(SETTING_GROUPS)
  .flatMap((group) => Object.values<Setting<unknown>>(group))
  .flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));

/** Read by the command line, in the environment of which a gateway may be started. */
const OF_THE_COMMAND_LINE = ['SLUICE_URL', 'SLUICE_CLIENT', 'SLUICE_SECRET', 'SLUICE_TOKEN'];

/** What people who know other products put before the names of settings. */
const PRODUCT_PREFIX = 'SLUICE_';

/** First words of settings that other programs use as well. */
const COMMON_WORDS: ReadonlySet<string> = new Set(
  'CACHE CLIENTS EVENT EVENTS HOST HTTP LOG METRICS NO NODE PORT PUBLIC RATE ROLE STORE TLS USER'.split(' '),
);

/** What Kubernetes and Docker write for a Service or link: a Service called `user-api` makes USER_API_PORT=tcp://…. */
function isServiceLink(name: string, value: string): boolean {
  const isNamedSo = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name);
  return isNamedSo || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value));
}

/** The words that begin a setting and little else: `JWT_`, `EVENT_API_`. */
function familyOf(setting: string): string | null {
  const words = setting.split('_');
  const [first = '', second = ''] = words;
  if (words.length > 1 && !COMMON_WORDS.has(first)) return first;
  return words.length > 2 ? `${first}_${second}` : null;
}

/** Letters and digits in capitals: what is left when the spelling of a name is forgotten. */
function fold(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '');
}

/** How many letters must be added, left out, changed or swapped with their neighbour (Damerau and Levenshtein). */
function editDistance(one: string, other: string): number {
  let [beforeLast, last]: number[][] = [[], Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const changed = (last?.[column - 1] ?? 0) + (isSame ? 0 : 1);
      const added = Math.min(last?.[column] ?? 0, current[column - 1] ?? 0) + 1;
      const swapped = isSwapped ? (beforeLast?.[column - 2] ?? 0) + 1 : Infinity;
      current.push(Math.min(changed, added, swapped));
    }
    [beforeLast, last] = [last ?? [], current];
  }
  return last?.[other.length] ?? 0;
}

/** In a short name one other letter makes another word: HOST and POST. */
function isMisspelt(name: string, setting: string): boolean {
  const most = setting.length >= 16 ? 2 : setting.length >= 8 ? 1 : 0;
  return Math.abs(name.length - setting.length) <= most && editDistance(name, setting) <= most;
}

/** The setting that a variable is nearly called; null: none in particular; undefined: it is not one of ours. */
function nearestSetting(name: string): string | null | undefined {
  if (name.startsWith(PRODUCT_PREFIX)) {
    const rest = name.slice(PRODUCT_PREFIX.length);
    return NAMES.find((setting) => setting === rest) ?? nearestSetting(rest) ?? null;
  }
  const meant = NAMES.find((setting) => fold(setting) === fold(name) || isMisspelt(name, setting));
  if (meant !== undefined) return meant;
  const hasFamily = NAMES.map(familyOf).some(
    (family) => family !== null && (name.startsWith(`${family}_`) || (name === family && family.includes('_'))),
  );
  return hasFamily ? null : undefined;
}

/** The variables that look like settings and are none. `used`: what a file of settings takes from the environment. */
function unknownVariables(environment: Environment, used: ReadonlySet<string>): ConfigWarning[] {
  const known = new Set([...NAMES, ...OF_THE_COMMAND_LINE]);
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (known.has(name) || used.has(name) || isServiceLink(name, value)) return [];
    // Windows finds a variable in any case.
    const isReadInAnyCase = known.has(name.toUpperCase()) && environment[name.toUpperCase()] === value;
    const similarTo = isReadInAnyCase ? undefined : nearestSetting(name);
    return similarTo === undefined
      ? []
      : [{ name: 'settings.unknown_variable', fields: { variable: name, similarTo } } as const];
  });
}

function unusedProxy(environment: Environment): ConfigWarning[] {
  if ((environment['OUTBOUND_PROXY']?.trim() ?? '') !== '') return [];
  const variables = Object.keys(environment).filter(
    (name) => /^(HTTPS?|ALL)_PROXY$/i.test(name) && environment[name]?.trim() !== '',
  );
  return variables.length === 0
    ? []
    : [{ name: 'settings.proxy_unused', fields: { variables, use: 'OUTBOUND_PROXY' } }];
}

/** What is worth a line in the log once the files of settings are read. */
export function configWarnings(environment: Environment, used: ReadonlySet<string>): readonly ConfigWarning[] {
  return [...unknownVariables(environment, used), ...unusedProxy(environment)];
}
