import Joi from 'joi';
import type { DestinationDefinition } from '../external-services/destinations/destination-definition';
import { SECRET_PREFIX } from '../external-services/destinations/webhook-destination';
import { readYamlFile } from './yaml';
import type { YamlFault, YamlRules } from './yaml';

type Entry = Omit<DestinationDefinition, 'concurrency' | 'ratePerSecond' | 'mode'> & {
  readonly concurrency?: number;
  readonly ratePerSecond?: number;
  readonly mode?: 'live' | 'test' | 'off';
  readonly apiKey?: string;
  readonly secrets?: readonly string[];
  readonly allowPrivateNetwork?: boolean;
  readonly maxBatch?: number;
  readonly batchMode?: string;
};

/** Statuses that have a meaning of their own for every destination: see services/delivery/read-answer.ts. */
const NOT_FOR_RETRY = [401, 403, 410];

interface DestinationsFile {
  readonly destinations: readonly Entry[];
}

export interface DestinationsFileRules {
  /** Gives what `${NAME}` stands for. */
  readonly lookup: NonNullable<YamlRules<DestinationsFile>['lookup']>;
  /** The names of the event catalogue: a destination can want no others. */
  /** Null: not known, and so not asked for. */
  readonly eventNames: readonly string[] | null;
  /** For a destination that does not say. */
  readonly concurrency: number;
}

const TYPES = ['adeventsx', 'event-api', 'webhook'] as const;
const DAY_MS = 86_400_000;
const [SECRET_MIN_BYTES, SECRET_MAX_BYTES] = [24, 64];

const httpUrl = Joi.string().custom((text: string, { error }) => {
  const isUrl = /^https?:\/\/[^/\s]/i.test(text) && URL.canParse(text);
  const { username, password, hash } = isUrl ? new URL(text) : { username: 'x', password: '', hash: '' };
  return username === '' && password === '' && hash === '' ? text : error('url.http');
});

const secret = Joi.string().custom((text: string, { error }) => {
  const base64 = text.slice(SECRET_PREFIX.length);
  const bytes = Buffer.from(base64, 'base64');
  const isWhole =
    text.startsWith(SECRET_PREFIX) && bytes.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  return isWhole && bytes.length >= SECRET_MIN_BYTES && bytes.length <= SECRET_MAX_BYTES ? text : error('secret.form');
});

const duration = Joi.number()
  .integer()
  .min(1000)
  .max(3650 * DAY_MS)
  .optional();

function oneOf(...values: readonly string[]): Joi.StringSchema {
  return Joi.string()
    .valid(...values)
    .messages({ 'any.only': `must be one of ${values.join(', ')}` });
}

const entry = Joi.object<Entry>({
  name: Joi.string()
    .pattern(/^[a-z0-9][a-z0-9._-]{0,63}$/)
    .messages({ 'string.pattern.base': 'must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or a digit' }),
  type: oneOf(...TYPES),
  url: httpUrl,
  events: Joi.alternatives(Joi.string().valid('*'), Joi.array().items(Joi.string()).max(10_000).unique()).messages({
    'alternatives.types': 'must be a list of event names, or "*" for all',
    'alternatives.match': 'must be a list of event names, each once, or "*" for all',
  }),
  ratePerSecond: Joi.number().min(0.01).max(100_000).optional(),
  concurrency: Joi.number().integer().min(1).max(1024).optional(),
  mode: oneOf('live', 'test', 'off').optional(),
  apiKey: Joi.string()
    .pattern(/^[\x21-\x7e]{1,1024}$/)
    .messages({ 'string.pattern.base': 'must be 1 to 1024 of printable ASCII without spaces' })
    .optional(),
  secrets: Joi.array().items(secret).min(1).max(4).unique().optional(),
  allowPrivateNetwork: Joi.boolean().optional(),
  maxAgeMs: duration,
  dedupWindowMs: duration,
  maxBatch: Joi.number().integer().min(1).max(1000).optional(),
  batchMode: oneOf('atomic', 'atomicNamed', 'perItem').optional(),
  retry: Joi.object({
    alsoRetry: Joi.array()
      .items(
        Joi.number()
          .integer()
          .min(400)
          .max(499)
          .invalid(...NOT_FOR_RETRY)
          .messages({ 'any.invalid': 'cannot be retried: 401 and 403 hold the destination, 410 ends it' }),
      )
      .max(100)
      .unique()
      .optional(),
  }).optional(),
});

const destinationsFile = Joi.object<DestinationsFile>({
  destinations: Joi.array()
    .items(entry)
    .max(100)
    .unique('name')
    .messages({ 'array.unique': 'has the name of another destination' }),
}).messages({
  'any.required': 'is missing',
  'array.base': 'must be a list',
  'array.min': 'must not be empty',
  'array.max': 'must have at most {#limit} entries',
  'array.unique': 'is there twice',
  'boolean.base': 'must be true or false',
  'number.base': 'must be a number',
  'number.integer': 'must be a whole number',
  'number.min': 'must be at least {#limit}',
  'number.max': 'must be at most {#limit}',
  'number.unsafe': 'is too large',
  'number.infinity': 'is too large',
  'object.base': 'must be a mapping',
  'object.unknown': 'is not known here',
  'secret.form': `must be ${SECRET_PREFIX} and the base64 of ${String(SECRET_MIN_BYTES)} to ${String(SECRET_MAX_BYTES)} bytes; echo "${SECRET_PREFIX}$(openssl rand -base64 32)" makes one`,
  'string.base': 'must be a text; put it in quotes',
  'string.empty': 'must not be empty',
  'url.http': 'must be a whole URL, http:// or https:// with a host, and without a user name or #',
});

/** The keys that only some types know. */
const OF_TYPE: Readonly<Record<string, readonly (typeof TYPES)[number][]>> = {
  apiKey: ['adeventsx', 'event-api'],
  secrets: ['webhook'],
  allowPrivateNetwork: ['webhook'],
  maxBatch: ['event-api', 'webhook'],
  batchMode: ['event-api', 'webhook'],
};

/** What one entry says that its type cannot do, or leaves out that it needs. */
function faultsOfEntry(entry: Entry, eventNames: ReadonlySet<string> | null): [string, string][] {
  const { type, events, url, maxBatch = 1, batchMode } = entry;
  const faults: [string, string][] = Object.entries(OF_TYPE)
    .filter(([key, types]) => key in entry && !types.includes(type))
    .map(([key, types]) => [key, `is only for the type ${types.join(' or ')}`]);
  const refuse = (isWrong: boolean, key: string, detail: string) => isWrong && faults.push([key, detail]);
  refuse(type === 'adeventsx' && entry.apiKey === undefined, '', 'must have an apiKey');
  refuse(type === 'webhook' && entry.secrets === undefined, '', 'must have secrets');
  refuse(
    type === 'adeventsx' && entry.retry?.alsoRetry?.includes(409) === true,
    'retry',
    'must not name 409, by which AdEventsX says that it has the event',
  );
  refuse(batchMode !== undefined && maxBatch === 1, 'batchMode', 'needs a maxBatch of 2 or more');
  refuse(type === 'event-api' && url.includes('?'), 'url', 'must be a base URL: /addEvent is appended to it');
  if (events !== '*' && eventNames !== null) {
    const unknown = events.filter((name) => !eventNames.has(name)).slice(0, 10);
    refuse(unknown.length > 0, 'events', `must be names of the event catalogue, which lacks ${unknown.join(', ')}`);
  }
  return faults;
}

function faultsOf({ destinations }: DestinationsFile, eventNames: readonly string[] | null): YamlFault[] {
  const known = eventNames && new Set(eventNames);
  return destinations.flatMap((entry, index) =>
    faultsOfEntry(entry, known).map(([key, detail]) => ({
      at: ['destinations', index, ...(key === '' ? [] : [key])],
      detail,
    })),
  );
}

/** The destinations that `DESTINATIONS_FILE` describes. @throws SettingsFileError naming every fault with its line */
export async function readDestinationsFile(
  path: string,
  rules: DestinationsFileRules,
): Promise<DestinationDefinition[]> {
  const { destinations } = await readYamlFile(path, {
    schema: destinationsFile,
    faultsOf: (file) => faultsOf(file, rules.eventNames),
    lookup: rules.lookup,
  });
  return destinations.map((entry) => {
    const common = { ratePerSecond: null, concurrency: rules.concurrency, mode: 'live', ...entry };
    const own = {
      adeventsx: {},
      'event-api': { apiKey: entry.apiKey ?? null, url: entry.url.replace(/\/+$/, '') },
      webhook: { allowPrivateNetwork: entry.allowPrivateNetwork ?? false },
    };
    return { ...common, ...own[entry.type] } as DestinationDefinition;
  });
}
