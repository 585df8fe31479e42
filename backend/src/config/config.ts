/** The only reader of the environment: every setting is checked here, once, at start, and all that is wrong is said at once. */
import type { ValidationError } from 'joi';
import { createSecretKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { OutboundProxy } from '../external-services/http/outbound-proxy';
import { SETTING_GROUPS } from './settings';
import { shown, type Setting } from './setting-rules';
import { configWarnings, type ConfigWarning, type Environment } from './unread-variables';
import { isQuoted } from './yaml';

type Intersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
type Settings = Intersection<(typeof SETTING_GROUPS)[keyof typeof SETTING_GROUPS]>;
type Values = { -readonly [K in keyof Settings]: Settings[K] extends Setting<infer T> ? T : never };

/** What the process runs by. Paths are absolute, times in milliseconds, what is not set is null. */
export type Config = Readonly<
  Omit<Values, 'jwtSecrets' | 'host' | 'retentionMs' | 'clientsFile' | 'eventsFile' | 'proxy' | 'noProxy'> & {
    proxy: OutboundProxy | null;
    host: string;
    retentionMs: number;
    clientsFile: string;
    eventsFile: string;
    isProduction: boolean;
    /** Of the package. */
    version: string;
    /** The numbered migrations of each store, a folder for each. */
    migrationsFolder: string;
    /** One or two; the first signs. As key objects, so that no log line can show them. */
    jwtKeys: readonly KeyObject[];
    /** The key was made for this run: tokens end with the process. Worth a line in the log. */
    isJwtKeyMade: boolean;
    /** What `${NAME}` stands for in a file of settings. */
    lookup: (name: string) => string | undefined;
    /** What the environment holds in vain. To be asked once the files are read: what they look up is used. */
    warnings: () => readonly ConfigWarning[];
  }
>;

/** Names every setting that is wrong, what it was (never the value of a secret) and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly faults: readonly string[]) {
    super(
      `${faults.length === 1 ? 'A setting is' : `${String(faults.length)} settings are`} wrong:\n  ${faults.join('\n  ')}`,
    );
  }
}

/** What separates the end of an attempt from the end of its lease: time to record what came of it. */
const LEASE_MARGIN_MS = 1000;
const DAY_MS = 86_400_000;

const settings = Object.values(SETTING_GROUPS).flatMap((group) => Object.entries<Setting<unknown>>(group));

/** The root of the package, both from the sources and from the build. */
export function packageRoot(folder = __dirname): string {
  if (existsSync(join(folder, 'package.json')) || dirname(folder) === folder) return folder;
  return packageRoot(dirname(folder));
}

function read(setting: Setting<unknown>, environment: Environment, faults: string[]): unknown {
  const given = [setting.name, setting.alias ?? setting.name].map((name) => environment[name]?.trim() ?? '');
  const text = given.find((value) => value !== '');
  if (text === undefined) return setting.fallback;
  if (isQuoted(text)) {
    faults.push(`${setting.name} was in quotes; write its value without them (docker --env-file keeps them).`);
    return undefined;
  }
  const { schema, expects, hint } = setting.rule;
  const { error, value } = schema.validate(text) as { error?: ValidationError; value: unknown };
  if (error === undefined) return value;
  const why = hint?.(text) ?? (error.details[0]?.context?.['error'] as Error | undefined)?.message ?? '';
  faults.push(`${setting.name} was ${shown(setting, text)}; it must be ${expects}${why === '' ? '' : ` (${why})`}.`);
  return undefined;
}

/** What no single setting can say. A value that is wrong by itself is undefined here, and compares as false. */
function relationFaults(v: Values, isProduction: boolean): string[] {
  const faults: string[] = [];
  const refuse = (isWrong: boolean, fault: string) => isWrong && faults.push(fault);
  const leastLeaseMs = v.attemptTimeoutMs + LEASE_MARGIN_MS;
  refuse(
    v.leaseMs < leastLeaseMs,
    `LEASE_MS was ${v.leaseMs}; it must be at least ATTEMPT_TIMEOUT_MS and ${LEASE_MARGIN_MS} more, here ${leastLeaseMs}, or an attempt could outlive its lease and be sent twice.`,
  );
  refuse(
    v.retentionMs !== null && v.retentionMs < v.eventMaxAgeMs + DAY_MS,
    `RETENTION_MS was ${String(v.retentionMs)}; it must be at least EVENT_MAX_AGE_MS and a day more, here ${v.eventMaxAgeMs + DAY_MS}, or a late repeat would count as new.`,
  );
  refuse(v.port > 0 && v.port === v.metricsPort, `METRICS_PORT was ${v.port}; it must differ from PORT.`);
  refuse(
    typeof v.adeventsxUrl === 'string' && v.adeventsxApiKey === null,
    'ADEVENTSX_API_KEY was not set; it must be the key for ADEVENTSX_URL, which is set.',
  );
  refuse(
    (v.tlsCertFile === null) !== (v.tlsKeyFile === null) && v.tlsCertFile !== undefined && v.tlsKeyFile !== undefined,
    'TLS_CERT_FILE or TLS_KEY_FILE was not set; a certificate and its key are set together or not at all.',
  );
  const hasSecret = v.jwtSecrets?.length !== 0;
  refuse(
    hasSecret && typeof v.jwtKeyFile === 'string',
    'JWT_KEY_FILE was set beside JWT_SECRET; one of the two must go, or a token could choose its algorithm.',
  );
  refuse(
    isProduction && !hasSecret && v.jwtKeyFile === null,
    'JWT_SECRET was not set; in production it must be at least 32 bytes (openssl rand -base64 48 makes one), or JWT_KEY_FILE instead.',
  );
  return faults;
}

/** Reads and checks the settings. @throws ConfigError naming all that is wrong */
export function loadConfig(environment: Environment = process.env): Config {
  const faults: string[] = [];
  const values = Object.fromEntries(
    settings.map(([key, setting]) => [key, read(setting, environment, faults)]),
  ) as unknown as Values;
  const isProduction = values.environment === 'production';
  faults.push(...relationFaults(values, isProduction));
  if (faults.length > 0) throw new ConfigError(faults);

  const { jwtSecrets, proxy, noProxy: bypass, ...rest } = values;
  const used = new Set<string>();
  const isJwtKeyMade = jwtSecrets.length === 0 && rest.jwtKeyFile === null;
  return Object.freeze({
    ...rest,
    proxy: proxy && { ...proxy, bypass },
    store: { ...rest.store, path: resolve(rest.store.path) },
    retentionMs: rest.retentionMs ?? rest.eventMaxAgeMs + DAY_MS,
    host: rest.host ?? (isProduction ? '0.0.0.0' : '127.0.0.1'),
    clientsFile: rest.clientsFile ?? join(packageRoot(), 'config', 'clients.yml'),
    eventsFile: rest.eventsFile ?? join(packageRoot(), 'config', 'events.yml'),
    isProduction,
    version: (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version,
    migrationsFolder: join(packageRoot(), 'backend', 'migrations'),
    jwtKeys: (jwtSecrets.length === 0 ? [randomBytes(32)] : jwtSecrets).map((secret) => createSecretKey(secret)),
    isJwtKeyMade,
    lookup: environmentLookup(environment, used),
    warnings: () => configWarnings(environment, used),
  });
}

/** Looks up what a file of settings means by `${NAME}`; a variable that is empty or blank is not set. */
export function environmentLookup(environment: Environment = process.env, used = new Set<string>()) {
  return (name: string): string | undefined => {
    used.add(name);
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
}
