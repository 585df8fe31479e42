import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDestinationsFile } from './destinations';

const SHIPPED = join(__dirname, '../../../config/destinations.yml');
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('readDestinationsFile', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'destinations-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const environment: Record<string, string> = {
    ADEVENTSX_URL: 'https://adeventsx.example/v1/conversions',
    ADEVENTSX_API_KEY: 'key-1',
    SECRET,
  };
  const rules = {
    lookup: (name: string) => environment[name],
    eventNames: ['purchase', 'lead', 'login'],
    concurrency: 64,
  };

  async function read(text: string) {
    const path = join(folder, 'destinations.yml');
    await writeFile(path, text);
    return readDestinationsFile(path, rules);
  }

  it('reads the shipped file', async () => {
    expect(await readDestinationsFile(SHIPPED, rules)).toEqual([
      {
        name: 'adeventsx',
        type: 'adeventsx',
        url: 'https://adeventsx.example/v1/conversions',
        apiKey: 'key-1',
        events: ['purchase', 'lead'],
        ratePerSecond: 200,
        concurrency: 32,
        mode: 'live',
      },
    ]);
  });

  it('fills in what is left out', async () => {
    const entries = [
      '{ name: a, type: event-api, url: "http://a/base/", events: [] }',
      '{ name: b, type: webhook, url: "http://b/", events: "*", secrets: ["${SECRET}"] }',
    ];
    const common = { ratePerSecond: null, concurrency: 64, mode: 'live' };
    expect(await read(`destinations:\n  - ${entries.join('\n  - ')}\n`)).toEqual([
      { ...common, name: 'a', type: 'event-api', url: 'http://a/base', events: [], apiKey: null },
      {
        ...common,
        name: 'b',
        type: 'webhook',
        url: 'http://b/',
        events: '*',
        secrets: [SECRET],
        allowPrivateNetwork: false,
      },
    ]);
  });

  it('takes what a contract may be changed to', async () => {
    const changes =
      'retry: { alsoRetry: [404, 422] }, maxAgeMs: 60000, dedupWindowMs: 3600000, maxBatch: 100, batchMode: perItem, allowPrivateNetwork: true';
    const [webhook] = await read(
      `destinations: [{ name: b, type: webhook, url: "http://b/", events: "*", secrets: ["${SECRET}"], ${changes} }]`,
    );
    expect(webhook).toMatchObject({
      retry: { alsoRetry: [404, 422] },
      maxAgeMs: 60_000,
      dedupWindowMs: 3_600_000,
      maxBatch: 100,
      batchMode: 'perItem',
      allowPrivateNetwork: true,
    });
  });

  it('takes an empty list: nothing is sent anywhere', async () => {
    expect(await read('destinations: []')).toEqual([]);
  });

  const plain: Record<string, string> = { name: 'a', type: 'adeventsx', url: 'http://a/', apiKey: 'k', events: '"*"' };
  const hook = { type: 'webhook', apiKey: '', secrets: `["${SECRET}"]` };
  const file = (changes: Record<string, string>) =>
    `destinations:\n  - ${Object.entries({ ...plain, ...changes })
      .filter(([, value]) => value !== '')
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n    ')}\n`;

  it.each<[string, Record<string, string>, string]>([
    ['an unknown type', { type: 'smtp' }, 'line 3: destinations[0].type must be one of adeventsx, event-api, webhook'],
    ['an unknown key', { retries: '3' }, 'line 7: destinations[0].retries is not known here'],
    ['no url', { url: '' }, 'line 2: destinations[0].url is missing'],
    ['a url that is none', { url: 'a/b' }, 'line 4: destinations[0].url must be a whole URL'],
    ['a url with a secret', { url: 'http://u:p@a/' }, 'line 4: destinations[0].url must be a whole URL'],
    [
      'a base url with a query',
      { type: 'event-api', url: 'http://a/?b' },
      'line 4: destinations[0].url must be a base URL',
    ],
    ['a name that does not fit in a path', { name: 'a/b' }, 'line 2: destinations[0].name must be 1 to 64'],
    [
      'an event that the catalogue lacks',
      { events: '[lead, signup]' },
      'line 6: destinations[0].events must be names of the event catalogue, which lacks signup',
    ],
    ['another text than "*"', { events: 'lead' }, 'line 6: destinations[0].events must be a list of event names'],
    [
      'an event twice',
      { events: '[lead, lead]' },
      'line 6: destinations[0].events must be a list of event names, each once',
    ],
    ['a rate of nothing', { ratePerSecond: '0' }, 'line 7: destinations[0].ratePerSecond must be at least 0.01'],
    ['half a call', { concurrency: '1.5' }, 'line 7: destinations[0].concurrency must be a whole number'],
    ['a number as text', { concurrency: '"8"' }, 'line 7: destinations[0].concurrency must be a number'],
    ['another mode', { mode: 'on' }, 'line 7: destinations[0].mode must be one of live, test, off'],
    ['AdEventsX without its key', { apiKey: '' }, 'line 2: destinations[0] must have an apiKey'],
    [
      'a key that breaks a header',
      { apiKey: '"a b"' },
      'line 5: destinations[0].apiKey must be 1 to 1024 of printable ASCII',
    ],
    ['a webhook without a secret', { ...hook, secrets: '' }, 'line 2: destinations[0] must have secrets'],
    [
      'a webhook with a key',
      { ...hook, apiKey: 'k' },
      'line 5: destinations[0].apiKey is only for the type adeventsx or event-api',
    ],
    [
      'a secret without its prefix',
      { ...hook, secrets: '[c2VjcmV0]' },
      'destinations[0].secrets[0] must be whsec_ and the base64 of 24 to 64 bytes',
    ],
    [
      'a secret that is too short',
      { ...hook, secrets: '[whsec_c2VjcmV0]' },
      'destinations[0].secrets[0] must be whsec_',
    ],
    [
      'a secret that is no base64',
      { ...hook, secrets: `["whsec_${'*'.repeat(44)}"]` },
      'destinations[0].secrets[0] must be whsec_',
    ],
    [
      'batches for AdEventsX',
      { maxBatch: '10' },
      'line 7: destinations[0].maxBatch is only for the type event-api or webhook',
    ],
    [
      'a mode of batches without batches',
      { ...hook, batchMode: 'perItem' },
      'destinations[0].batchMode needs a maxBatch of 2 or more',
    ],
    [
      'a status that holds the destination',
      { retry: '{ alsoRetry: [404, 403] }' },
      'line 7: destinations[0].retry.alsoRetry[1] cannot be retried: 401 and 403 hold the destination',
    ],
    [
      'a status that is no refusal',
      { retry: '{ alsoRetry: [500] }' },
      'line 7: destinations[0].retry.alsoRetry[0] must be',
    ],
    ['a status twice', { retry: '{ alsoRetry: [404, 404] }' }, 'line 7: destinations[0].retry.alsoRetry'],
    ['409 for AdEventsX', { retry: '{ alsoRetry: [409] }' }, 'line 7: destinations[0].retry must not name 409'],
    ['an unset variable', { apiKey: '${NO_SUCH}' }, 'line 5: the environment variable NO_SUCH is not set'],
  ])('refuses %s', async (_name, changes, expected) => {
    await expect(read(file(changes))).rejects.toMatchObject({
      faults: expect.arrayContaining([expect.stringContaining(expected)]),
    });
  });

  it('tells all faults at once', async () => {
    const text = `${file({ allowPrivateNetwork: 'true', events: '[signup]' })}  - ${file({ apiKey: '' }).slice(18)}`;
    await expect(read(text)).rejects.toMatchObject({
      faults: [expect.stringMatching(/^line 8: destinations\[1\] has the name of another/)],
    });
    await expect(read(text.replace(/name: a\n(?!.*name)/s, 'name: b\n'))).rejects.toMatchObject({
      faults: [
        expect.stringMatching(/^line 6: .*signup/),
        expect.stringMatching(/^line 7: .*allowPrivateNetwork is only for/),
        expect.stringMatching(/^line 8: .*apiKey/),
      ],
    });
  });

  it('shows no secret', async () => {
    const error = await read(file({ ...hook, secrets: '[whsec_hunter2]' })).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('must be whsec_');
    expect(String(error)).not.toContain('hunter2');
  });
});
