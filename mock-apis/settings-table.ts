import {
  behaviour,
  delayRange,
  failStatuses,
  faults,
  flag,
  integer,
  optional,
  rate,
  script,
  text,
  type Rule,
} from './setting-rules';

export interface Setting<T> {
  readonly rule: Rule<T>;
  readonly fallback: T;
  readonly meaning: string;
}

function setting<T>(rule: Rule<T>, fallback: T, meaning: string): Setting<T> {
  return { rule, fallback, meaning };
}

const remember = (what: string): Setting<number> =>
  setting(integer(0, 5_000_000), 200_000, `How many ${what} are held; older ones are forgotten, counts are not`);

/** Set at start only; at the top level of the settings object. */
export const serverTable = {
  host: setting(text('a host name or address', /^[\w.:-]{1,253}$/), '127.0.0.1', 'The address to listen on'),
  port: setting(integer(0, 65_535), 3001, 'The port to listen on; 0 takes a free one'),
  seed: setting(integer(0, 2 ** 32 - 1), 1, 'The seed of every random choice'),
};

const adeventsx = {
  apiKey: setting(
    text('1 to 256 printable characters', /^[\x21-\x7e]{1,256}$/),
    'dev-adeventsx-key',
    'What `X-Api-Key` must be; `*` takes any that is not empty',
  ),
  behaviour: setting(behaviour, 'accept', 'What a call meets that no script entry, failure or fault decided'),
  script: setting(script, [], 'Behaviours used up one per call, before anything else'),
  failRate: setting(rate, 0, 'How many calls fail'),
  failStatuses: setting(failStatuses, [500, 502, 503], 'The statuses of which a failing call gets one'),
  faults: setting(faults, {}, 'Other behaviours with a rate each'),
  delayMs: setting(delayRange, [0, 0], 'How long every answer takes'),
  remember: remember('conversions, and calls,'),
};

const eventApi = {
  getUsersDelayMs: setting(delayRange, [0, 0], 'How long `/getUsers` takes'),
  getUserByIdDelayMs: setting(delayRange, [0, 0], 'How long `/getUserById` takes'),
  getEventsDelayMs: setting(delayRange, [0, 0], 'How long `/getEvents` takes'),
  getEventByIdDelayMs: setting(delayRange, [500, 500], 'How long `/getEventById` takes'),
  getEventsDropRate: setting(rate, 0.05, 'How many connections `/getEvents` drops'),
  failRate: setting(rate, 0, 'How many reads fail'),
  failStatuses: setting(failStatuses, [500, 502, 503], 'The statuses of which a failing read gets one'),
  hangRate: setting(rate, 0, 'How many reads are never answered'),
  addEventSuccesses: setting(integer(0, 1_000_000), 5, 'Calls of `/addEvent` that succeed before it fails'),
  addEventFailures: setting(integer(0, 1_000_000), 10, 'Calls of `/addEvent` that then fail before it succeeds again'),
  addEventFailStatuses: setting(failStatuses, [503], 'The statuses of which a failing `/addEvent` gets one'),
  addEventFailDelayMs: setting(delayRange, [100, 100], 'How long a failing `/addEvent` takes'),
  addEventDelayMs: setting(delayRange, [0, 0], 'How long a succeeding `/addEvent` takes'),
  addEventIsVisible: setting(flag, false, 'Whether accepted events appear in the reads'),
  remember: remember('accepted events'),
};

const userApi = {
  profileDelayMs: setting(delayRange, [100, 300], 'How long `/profile` takes'),
  postsDelayMs: setting(delayRange, [150, 450], 'How long `/posts` takes'),
  analyticsDelayMs: setting(delayRange, [200, 600], 'How long `/analytics` takes'),
  delayMs: setting(optional(delayRange), null, 'Where set, how long each of the three takes'),
  profileFailRate: setting(rate, 0.1, 'How many calls of `/profile` fail'),
  postsFailRate: setting(rate, 0.1, 'How many calls of `/posts` fail'),
  analyticsFailRate: setting(rate, 0.1, 'How many calls of `/analytics` fail'),
  failRate: setting(optional(rate), null, 'Where set, how many calls of each of the three fail'),
  profileFailStatuses: setting(failStatuses, [500], 'The statuses of which a failing `/profile` gets one'),
  postsFailStatuses: setting(failStatuses, [503], 'The statuses of which a failing `/posts` gets one'),
  analyticsFailStatuses: setting(failStatuses, [502], 'The statuses of which a failing `/analytics` gets one'),
  failStatuses: setting(
    optional(failStatuses),
    null,
    'Where set, the statuses of which a failing call of any gets one',
  ),
  slowRate: setting(rate, 0, 'How many calls take longer'),
  slowDelayMs: setting(delayRange, [2000, 2000], 'How much longer such a call takes'),
  dropRate: setting(rate, 0, 'How many connections are dropped'),
  hangRate: setting(rate, 0, 'How many calls are never answered'),
  syntheticUsers: setting(
    flag,
    false,
    'Whether every `user<digits>`, `user-<digits>`, `u<digits>` and `u-<digits>` exists, its data derived from the id',
  ),
};

/** One group per simulated API; they can be changed while it runs. */
export const apiTables = { adeventsx, eventApi, userApi };

export const envPrefixes: Readonly<Record<keyof typeof apiTables, string>> = {
  adeventsx: 'MOCK_ADEVENTSX_',
  eventApi: 'MOCK_EVENT_',
  userApi: 'MOCK_USER_',
};

type ValuesOf<Table> = { readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never };

export type AdEventsXSettings = ValuesOf<typeof adeventsx>;
export type EventApiSettings = ValuesOf<typeof eventApi>;
export type UserApiSettings = ValuesOf<typeof userApi>;
type ServerSettings = ValuesOf<typeof serverTable>;

export interface MockSettings extends ServerSettings {
  readonly adeventsx: AdEventsXSettings;
  readonly eventApi: EventApiSettings;
  readonly userApi: UserApiSettings;
}

/** Any part of the settings; the rest stays as it is. */
export interface SettingsPatch extends Partial<ServerSettings> {
  readonly adeventsx?: Partial<AdEventsXSettings>;
  readonly eventApi?: Partial<EventApiSettings>;
  readonly userApi?: Partial<UserApiSettings>;
}
