/** The rules that settings are checked by: each reads the trimmed text of an environment variable and says what would be right. */
import Joi from 'joi';
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { ProxyLocation } from '../external-services/http/outbound-proxy';

export interface Rule<T> {
  /** From the text to the value. */
  readonly schema: Joi.Schema<NonNullable<T>>;
  /** Completes "must be …". */
  readonly expects: string;
  /** What the writer of a wrong text may have meant. */
  readonly hint?: (text: string) => string | undefined;
}

/** One setting. An environment variable that is unset, empty or blank takes the default. */
export interface Setting<T> {
  readonly name: string;
  /** Another name that is read where `name` is not set. */
  readonly alias?: string;
  readonly rule: Rule<T>;
  readonly fallback: T;
  /** The default as a reader of the documentation should see it, where it is not the text of `fallback`. */
  readonly shownDefault?: string;
  readonly meaning: string;
  /** Its value is never shown. */
  readonly isSecret?: true;
}

export function setting<T>(setting: Setting<T>): Setting<T> {
  return setting;
}

/** A wrong value as a fault may show it. */
export function shown(setting: Setting<unknown>, text: string): string {
  if (setting.isSecret) return `${String(Buffer.byteLength(text))} bytes long (not shown)`;
  // A URL may hold a password, and one that was pasted into the wrong setting is still a secret.
  const masked = text.replace(/\/\/[^/@]*@/, '//***@').replace(/\?.*/s, '?***');
  return JSON.stringify(masked.length > 100 ? `${masked.slice(0, 100)}…` : masked);
}

/** A rule whose reader throws an Error, whose message is shown, where the text is wrong. */
function readBy<T>(expects: string, read: (text: string) => NonNullable<T>): Rule<T> {
  return { schema: Joi.string().custom(read) as unknown as Joi.Schema<NonNullable<T>>, expects };
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

function unitHint(text: string, min: number, max: number): string | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,12})\s*(ms|s|m|min|h|d)$/i.exec(text) ?? [];
  const factor = MS_PER_UNIT[unit.toLowerCase()];
  if (factor !== undefined) return `${text} is ${String(Number(digits) * factor)}`;
  const seconds = Number(text);
  const isMeantInSeconds = Number.isInteger(seconds) && seconds > 0 && seconds < min && seconds * 1000 <= max;
  return isMeantInSeconds ? `the unit is milliseconds: ${text} seconds are ${String(seconds * 1000)}` : undefined;
}

/** A whole number in decimal digits. */
export function whole(bounds: { readonly min: number; readonly max: number; readonly unit?: 'ms' }): Rule<number> {
  const { min, max, unit } = bounds;
  const read = (text: string) => {
    if (!/^\d{1,15}$/.test(text)) throw new Error();
    const value = Number(text);
    if (value < min || value > max) throw new Error();
    return value;
  };
  const expects = `a whole number${unit === 'ms' ? ' of milliseconds' : ''} from ${String(min)} to ${String(max)}`;
  const hint = (text: string) => serviceHint(text) ?? (unit === 'ms' ? unitHint(text, min, max) : undefined);
  return { ...readBy<number>(expects, read), hint };
}

/** Kubernetes writes `METRICS_PORT=tcp://…` into each container beside a Service that is called `metrics`. */
function serviceHint(text: string): string | undefined {
  const isServiceLink = /^(tcp|udp|sctp):\/\//.test(text);
  return isServiceLink
    ? 'Kubernetes sets it for a Service of that name; enableServiceLinks: false ends that'
    : undefined;
}

export function oneOf<T extends string>(...values: readonly T[]): Rule<T> {
  return {
    schema: Joi.string().valid(...values) as unknown as Joi.Schema<T>,
    expects: `one of ${values.join(', ')}`,
  };
}

/** The path of a file that there is, made absolute from the working directory. */
export function existingFile(): Rule<string> {
  return readBy('the path of a file', (text) => {
    if (text.includes('\0')) throw new Error('a path holds no NUL');
    const path = resolve(text);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw new Error('there is no such file');
    if (found.isDirectory()) throw new Error('that is a folder');
    return path;
  });
}

/** The whole URL of one endpoint, in its canonical form. */
export function endpointUrl(): Rule<string> {
  return readBy(
    'a whole URL, http:// or https:// with a host and without a user name',
    (text) => parseHttpUrl(text).href,
  );
}

/** A URL that paths are appended to: without a query, and without a slash at its end. */
export function baseUrl(): Rule<string> {
  return readBy('a base URL, http:// or https:// with a host and without a user name', (text) => {
    const url = parseHttpUrl(text);
    if (url.search !== '') throw new Error('a path cannot be appended to a query');
    return url.href.replace(/\/+$/, '');
  });
}

function parseHttpUrl(text: string): URL {
  // Written out, because `new URL` takes `http:host` and `http:///host` for `http://host/`.
  if (!/^https?:\/\/[^/\s]/i.test(text)) throw new Error();
  if (!URL.canParse(text)) throw new Error('it is not a URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw new Error('a secret in a URL ends in logs');
  if (url.hash !== '') throw new Error('what follows # is never sent');
  return url;
}

/** The proxy for outbound calls, with its user name and password in the URL. */
export function proxyUrl(): Rule<ProxyLocation> {
  return readBy('the URL of a proxy, such as http://user:password@proxy.example.com:3128', (text) => {
    if (/^socks/i.test(text)) throw new Error('a SOCKS proxy is not supported');
    if (!/^https?:\/\/[^/\s]/i.test(text) || !URL.canParse(text)) throw new Error();
    const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text);
    if (pathname + search + hash !== '/') throw new Error('a proxy has no path');
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return {
      protocol: protocol as 'http:' | 'https:',
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || (protocol === 'https:' ? 443 : 80)),
      authorization: credentials === ':' ? null : `Basic ${Buffer.from(credentials).toString('base64')}`,
    };
  });
}

/** Hosts that are called without the proxy. Other programs read the same variable, so nothing in it is refused. */
export function hostList(): Rule<readonly string[]> {
  const expects = 'host names, domains such as .example.com, addresses and networks, separated by commas';
  return readBy(expects, (text) => text.split(/[\s,]+/).filter((entry) => entry !== ''));
}

/** A text that can stand in an HTTP header. */
export function headerValue(): Rule<string> {
  return readBy('printable ASCII without spaces, at most 1024 characters', (text) => {
    if (!/^[\x21-\x7e]{1,1024}$/.test(text)) throw new Error();
    return text;
  });
}

function commaSeparated(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const MIN_SECRET_BYTES = 32;

/** One secret, or two during a rotation: the first signs. */
export function jwtSecrets(): Rule<readonly Buffer[]> {
  return readBy(`at least ${String(MIN_SECRET_BYTES)} bytes, or two such secrets separated by a comma`, (text) => {
    const secrets = commaSeparated(text).map((secret) => Buffer.from(secret, 'utf8'));
    const short = secrets.findIndex((secret) => secret.length < MIN_SECRET_BYTES);
    if (short !== -1) {
      throw new Error(
        `secret ${String(short + 1)} has ${String(secrets[short]?.length)} bytes; openssl rand -base64 48 makes one`,
      );
    }
    if (secrets.length === 0 || secrets.length > 2) throw new Error(`there are ${String(secrets.length)}`);
    if (secrets[1] !== undefined && secrets[0]?.equals(secrets[1])) throw new Error('the two are the same');
    return secrets;
  });
}

/** Exact browser origins. */
export function originList(): Rule<readonly string[]> {
  const expects = 'origins such as https://console.example.com, separated by commas';
  return readBy(expects, (text) =>
    commaSeparated(text).map((origin) => {
      const isExact =
        /^https?:\/\//i.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin.toLowerCase();
      if (!isExact)
        throw new Error(`${JSON.stringify(origin)} is not one: scheme, host and port only, no path and no *`);
      return new URL(origin).origin;
    }),
  );
}

/** What Express's `trust proxy` takes, without its `true`, which would let anybody forge an address. */
export function trustedProxies(): Rule<false | number | string> {
  const expects =
    'the number of proxies in front (1 to 10), or their addresses and networks such as 10.0.0.0/8, separated by commas';
  return readBy(expects, (text) => {
    if (/^(10|[1-9])$/.test(text)) return Number(text);
    const proxies = commaSeparated(text);
    for (const proxy of proxies) {
      if (!isProxy(proxy)) throw new Error(`${JSON.stringify(proxy)} is neither`);
    }
    if (proxies.length === 0) throw new Error();
    return proxies.join(', ');
  });
}

function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  // A prefix of 0 would be everybody.
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

export interface SqliteLocation {
  readonly scheme: 'sqlite';
  /** Absolute. */
  readonly path: string;
}

/** Where the events are kept. */
export function storeUrl(): Rule<SqliteLocation> {
  return readBy('sqlite:<path of the database file>, such as sqlite:./data/gateway.db', (text) => {
    if (/^postgres(ql)?:/i.test(text)) throw new Error('PostgreSQL is not available in this version');
    const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/i.exec(text)?.[1];
    if (path === undefined || path.startsWith('//')) throw new Error();
    if (path.includes(':memory:')) throw new Error('a database in memory would lose accepted events');
    if (/[?#\0]/.test(path)) throw new Error('the path takes no options after ? or #');
    const isFolder = /[/\\]$/.test(path) || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (isFolder) throw new Error('that is a folder');
    return { scheme: 'sqlite', path: resolve(path) };
  });
}

/** Where answers are cached. */
export function cacheUrl(): Rule<{ readonly scheme: 'memory' }> {
  return readBy('memory:', (text) => {
    if (/^rediss?:/i.test(text)) throw new Error('Redis is not available in this version');
    if (text !== 'memory:') throw new Error();
    return { scheme: 'memory' };
  });
}
