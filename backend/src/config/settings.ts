/**
 * The table of settings: the name of each in the environment, the rule for it, its default and what it means. From this table
 * come the frozen `Config` (config.ts), `.env.example` and `docs/configuration.md` (scripts/generate-config-docs.ts).
 */
import Joi from 'joi';
import type { ProxyLocation } from '../external-services/http/outbound-proxy';
import * as rules from './setting-rules';
import { setting } from './setting-rules';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The settings under the headings of the documentation; the keys are the names in `Config`. */
export const SETTING_GROUPS = {
  Process: {
    environment: setting({
      name: 'NODE_ENV',
      rule: rules.oneOf('development', 'test', 'production'),
      fallback: 'development',
      meaning:
        'What the process is run for. `production` refuses what is only safe on a desk: a made-up `JWT_SECRET`, public clients, the shipped secrets.',
    }),
    role: setting({
      name: 'ROLE',
      rule: rules.oneOf('all', 'api', 'worker'),
      fallback: 'all',
      meaning: 'What this process does: take requests (`api`), send deliveries (`worker`), or both.',
    }),
    logLevel: setting({
      name: 'LOG_LEVEL',
      rule: rules.oneOf('debug', 'info', 'warn', 'error', 'silent'),
      fallback: 'info',
      meaning: 'The least important lines that are still logged.',
    }),
    shutdownTimeoutMs: setting({
      name: 'SHUTDOWN_TIMEOUT_MS',
      rule: rules.whole({ unit: 'ms', min: 100, max: 5 * MINUTE }),
      fallback: 10 * SECOND,
      meaning: 'How long a stop waits for what is in flight before it ends the process all the same.',
    }),
  },
  HTTP: {
    port: setting({
      name: 'PORT',
      rule: rules.whole({ min: 0, max: 65_535 }),
      fallback: 3000,
      meaning: 'The port to listen on; 0 takes any free one.',
    }),
    host: setting<string | null>({
      name: 'HOST',
      rule: { schema: Joi.string().hostname(), expects: 'an IP address or a host name, such as 0.0.0.0' },
      fallback: null,
      shownDefault: '`0.0.0.0` in production, else `127.0.0.1`',
      meaning:
        'The address to listen on. Outside production only this machine is served unless it is set, because clients may then be public.',
    }),
    publicUrl: setting<string | null>({
      name: 'PUBLIC_URL',
      rule: rules.baseUrl(),
      fallback: null,
      shownDefault: 'none: links begin at the root, `/`',
      meaning:
        'The address that clients use, path included, where a proxy in front strips a prefix: every link, `Location` and `/openapi.json` begin with it.',
    }),
    tlsCertFile: setting<string | null>({
      name: 'TLS_CERT_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: 'none: plain HTTP, for behind a proxy',
      meaning:
        'The certificate, and those between it and its root, in PEM: `PORT` then speaks HTTPS. Read again on SIGHUP.',
    }),
    tlsKeyFile: setting<string | null>({
      name: 'TLS_KEY_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: 'required with `TLS_CERT_FILE`',
      meaning: 'The private key of the certificate, in PEM, without a passphrase.',
    }),
    corsOrigins: setting<readonly string[]>({
      name: 'CORS_ORIGINS',
      rule: rules.originList(),
      fallback: [],
      shownDefault: 'none',
      meaning: 'The browser origins that may call, separated by commas.',
    }),
    trustProxy: setting<false | number | string>({
      name: 'TRUST_PROXY',
      rule: rules.trustedProxies(),
      fallback: false,
      shownDefault: 'none',
      meaning:
        'Whose `X-Forwarded-For` is believed: the number of proxies in front, or their addresses and networks, separated by commas.',
    }),
    metricsPort: setting<number | null>({
      name: 'METRICS_PORT',
      rule: rules.whole({ min: 0, max: 65_535 }),
      fallback: null,
      shownDefault: 'none',
      meaning: 'A second port that serves `/metrics` without a token. Keep it inside your network.',
    }),
    rateLimitPerMinute: setting({
      name: 'RATE_LIMIT_PER_MINUTE',
      rule: rules.whole({ min: 1, max: 10_000_000 }),
      fallback: 6000,
      meaning: 'Requests a minute for each client, or for each address while no token is shown.',
    }),
  },
  Clients: {
    jwtSecrets: setting<readonly Buffer[]>({
      name: 'JWT_SECRET',
      rule: rules.jwtSecrets(),
      fallback: [],
      shownDefault: 'required in production, else made for the run',
      isSecret: true,
      meaning:
        'The secret that signs tokens, at least 32 bytes (`openssl rand -base64 48`). Two separated by a comma while it is being rotated: the first signs, both are accepted.',
    }),
    jwtKeyFile: setting<string | null>({
      name: 'JWT_KEY_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: 'none',
      meaning:
        'In place of `JWT_SECRET`: a PEM file of keys on the curve P-256, for ES256. The first signs, all are accepted and published at `/.well-known/jwks.json`. Read again on SIGHUP.',
    }),
    clientsFile: setting<string | null>({
      name: 'CLIENTS_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: '`config/clients.yml`, for development only',
      meaning: 'Who may ask for a token, and for which scopes. Read again on SIGHUP.',
    }),
  },
  Events: {
    eventsFile: setting<string | null>({
      name: 'EVENTS_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: '`config/events.yml`',
      meaning:
        'The event catalogue: the names that are accepted, their points and required fields. Read again on SIGHUP.',
    }),
    eventMaxAgeMs: setting({
      name: 'EVENT_MAX_AGE_MS',
      rule: rules.whole({ unit: 'ms', min: MINUTE, max: 90 * DAY }),
      fallback: 7 * DAY,
      meaning:
        'How long ago an event may have happened. Repeats are recognised for this long and a day, or for `RETENTION_MS`.',
    }),
    eventMaxAheadMs: setting({
      name: 'EVENT_MAX_AHEAD_MS',
      rule: rules.whole({ unit: 'ms', min: 0, max: 12 * HOUR }),
      fallback: 5 * MINUTE,
      meaning: "How far ahead of our clock an event's time may be.",
    }),
  },
  Storage: {
    store: setting({
      name: 'STORE_URL',
      rule: rules.storeUrl(),
      fallback: { scheme: 'sqlite', path: './data/gateway.db' } as const,
      shownDefault: '`sqlite:./data/gateway.db`',
      meaning: 'Where events are kept. A relative path starts at the working directory.',
    }),
    cache: setting({
      name: 'CACHE_URL',
      rule: rules.cacheUrl(),
      fallback: { scheme: 'memory' } as const,
      shownDefault: '`memory:`',
      meaning: 'Where answers of upstreams are cached. It never holds anything that may not be lost.',
    }),
    retentionMs: setting<number | null>({
      name: 'RETENTION_MS',
      rule: rules.whole({ unit: 'ms', min: DAY, max: 3650 * DAY }),
      fallback: null,
      shownDefault: '`691200000` (8 d): `EVENT_MAX_AGE_MS` and a day more',
      meaning:
        'For how long an event that has no open delivery is kept, dead letters too, and its repeats are recognised. Not less than the default.',
    }),
    idempotencyCacheSize: setting({
      name: 'IDEMPOTENCY_CACHE_SIZE',
      rule: rules.whole({ min: 0, max: 1_000_000 }),
      fallback: 50_000,
      meaning: 'How many accepted events each process remembers, to answer their repeats without a commit; 0: none.',
    }),
    backlogMax: setting({
      name: 'BACKLOG_MAX',
      rule: rules.whole({ min: 1, max: 100_000_000 }),
      fallback: 1_000_000,
      meaning: 'How many deliveries may be open before new events are refused with 503.',
    }),
  },
  Upstreams: {
    destinationsFile: setting<string | null>({
      name: 'DESTINATIONS_FILE',
      rule: rules.existingFile(),
      fallback: null,
      shownDefault: 'none',
      meaning:
        'The external APIs that events are sent to (`config/destinations.yml` is an example). Without it the two URLs below make them. Read again on SIGHUP.',
    }),
    adeventsxUrl: setting<string | null>({
      name: 'ADEVENTSX_URL',
      rule: rules.endpointUrl(),
      fallback: null,
      shownDefault: 'none',
      meaning: 'The whole URL of the conversions endpoint of AdEventsX. Without it there is no such destination.',
    }),
    adeventsxApiKey: setting<string | null>({
      name: 'ADEVENTSX_API_KEY',
      rule: rules.headerValue(),
      fallback: null,
      shownDefault: 'required with `ADEVENTSX_URL`',
      isSecret: true,
      meaning: 'The key that AdEventsX wants in `X-Api-Key`.',
    }),
    eventApiUrl: setting<string | null>({
      name: 'EVENT_API_URL',
      rule: rules.baseUrl(),
      fallback: null,
      shownDefault: 'none',
      meaning: 'The base URL of the external event API, which `/addEvent` forwards to and `/getEvents` reads from.',
    }),
    userApiUrl: setting<string | null>({
      name: 'USER_API_URL',
      rule: rules.baseUrl(),
      fallback: null,
      shownDefault: 'none',
      meaning: 'The base URL of the user API, which the summaries of users are read from.',
    }),
    proxy: setting<ProxyLocation | null>({
      name: 'OUTBOUND_PROXY',
      rule: rules.proxyUrl(),
      fallback: null,
      shownDefault: 'none: destinations and sources are called directly',
      isSecret: true,
      meaning: 'The proxy through which destinations and sources are called. `HTTP_PROXY` and the like are not read.',
    }),
    noProxy: setting<readonly string[]>({
      name: 'NO_PROXY',
      alias: 'no_proxy',
      rule: rules.hostList(),
      fallback: [],
      shownDefault: 'none',
      meaning:
        'The hosts that are called without `OUTBOUND_PROXY`; a domain stands for all names below it, `host:port` for that port alone, `*` for every host. This machine never needs naming.',
    }),
    batchDeadlineMs: setting({
      name: 'BATCH_DEADLINE_MS',
      rule: rules.whole({ unit: 'ms', min: 50, max: MINUTE }),
      fallback: 1400,
      meaning: 'After how long a batch question about users is answered with what could be had.',
    }),
  },
  Delivery: {
    deliveryConcurrency: setting({
      name: 'DELIVERY_CONCURRENCY',
      rule: rules.whole({ min: 1, max: 1024 }),
      fallback: 64,
      meaning: 'How many calls to one destination may be in flight at once, where `DESTINATIONS_FILE` does not say.',
    }),
    attemptTimeoutMs: setting({
      name: 'ATTEMPT_TIMEOUT_MS',
      rule: rules.whole({ unit: 'ms', min: 50, max: 5 * MINUTE }),
      fallback: 10 * SECOND,
      meaning: 'How long one attempt may take, from the connection to the last byte of the answer.',
    }),
    leaseMs: setting({
      name: 'LEASE_MS',
      rule: rules.whole({ unit: 'ms', min: 500, max: HOUR }),
      fallback: MINUTE,
      meaning: 'For how long a delivery is taken. What a crashed process held falls due after this time.',
    }),
    retryBaseMs: setting({
      name: 'RETRY_BASE_MS',
      rule: rules.whole({ unit: 'ms', min: 1, max: HOUR }),
      fallback: SECOND,
      meaning:
        'About how long after a failed first attempt the second comes; each later wait is about twice the one before.',
    }),
    retryMaxMs: setting({
      name: 'RETRY_MAX_MS',
      rule: rules.whole({ unit: 'ms', min: 1, max: DAY }),
      fallback: HOUR,
      meaning: 'The longest wait between two attempts.',
    }),
    retryForMs: setting({
      name: 'RETRY_FOR_MS',
      rule: rules.whole({ unit: 'ms', min: 100, max: 30 * DAY }),
      fallback: DAY,
      meaning: 'For how long a failing delivery is tried before it is dead.',
    }),
    circuitCooldownMs: setting({
      name: 'CIRCUIT_COOLDOWN_MS',
      rule: rules.whole({ unit: 'ms', min: 10, max: HOUR }),
      fallback: 5 * SECOND,
      meaning:
        'How long a failing upstream is left alone before it is probed; a read source at first a second at most.',
    }),
  },
} as const;
