import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';

import type { DestinationDefinition } from '../../src/external-services/destinations/destination-definition';
import { DestinationSet } from '../../src/external-services/destinations/destination-set';
import { createEventApi, createUserApi, SourceClient } from '../../src/external-services/sources/source-client';
import { systemRuntime } from '../../src/external-services/system-runtime';
import { readAnswer } from '../../src/services/delivery/read-answer';
import { type Spelling, spellings, unreadableBodies, unreadableHeads } from '../support/answer-spellings';
import { FaultUpstream } from '../support/fault-upstream';

/** The table of docs/upstream-answers.md, over real sockets, for every type of destination and every source. */

const counts = { repeated: () => undefined, converted: () => undefined };
const common = { name: 'd', events: '*', concurrency: 1, ratePerSecond: null, mode: 'live' } as const;
const secrets = [`whsec_${Buffer.alloc(32, 7).toString('base64')}`];

function definitionsOf(url: string): readonly DestinationDefinition[] {
  return [
    { ...common, type: 'adeventsx', url, apiKey: 'k' },
    { ...common, type: 'event-api', url, apiKey: null },
    { ...common, type: 'webhook', url, secrets, allowPrivateNetwork: true },
  ];
}

/** What stands beyond ASCII is read as what was meant, whichever charset it came in. */
const ACCEPTED = JSON.stringify({ status: 'accepted', by: 'Müller' });
const user = { id: 'u1', name: 'Müller', events: ['e1'] };
const event = { id: 'e1', name: 'Müll', userId: 'u1' };

const sources = {
  profile: {
    said: { id: 'u1', name: 'Müller', email: null, joinedAt: null, status: 'active' },
    read: { id: 'u1', name: 'Müller', email: null, joinedAt: null, status: 'active' },
  },
  posts: { said: { data: { totalPosts: 2, note: 'ü' }, status: 200 }, read: { total: 2, newestAt: null } },
  analytics: { said: { avgEngagement: 1.5, note: 'ü' }, read: { avgEngagement: 1.5, lastActiveAt: null } },
  users: { said: [user], read: [user] },
  user: { said: user, read: user },
  events: { said: [event], read: [event] },
  event: { said: event, read: event },
} as const;

function fault({ answer, closes }: Spelling, json: string) {
  return {
    asked: (socket: Socket) => {
      for (const part of answer(json)) socket.write(part);
      if (closes === true) socket.end();
    },
  };
}

/** Sends once to each type of destination, each answered so; gives what became of it by type, and how often it was asked. */
async function deliver(spelling: Spelling, json: string): Promise<Record<string, unknown>> {
  const outcomes: Record<string, unknown> = {};
  for (const type of ['adeventsx', 'event-api', 'webhook']) {
    const upstream = await new FaultUpstream(fault(spelling, json)).start();
    const set = new DestinationSet(systemRuntime, { counts });
    const definitions = definitionsOf(`http://127.0.0.1:${String(upstream.port)}`);
    set.replace(definitions.filter((definition) => definition.type === type));
    const [destination] = set.current();
    if (destination === undefined) throw new Error(`no ${type}`);
    const parcel = { eventId: 'e', attempt: 1, payload: Buffer.from('{"id":"e"}'), requestId: null };
    const answer = await destination.send([parcel], AbortSignal.timeout(20_000));
    const { outcome, error } = readAnswer(answer, destination, 0);
    outcomes[type] = [outcome.kind, error, upstream.requests];
    set.close();
    await upstream.stop();
  }
  return outcomes;
}

/** Asks each source once; gives what it said, and how often it was asked. */
async function ask(spelling: Spelling): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [name, { said }] of Object.entries(sources)) {
    const upstream = await new FaultUpstream(fault(spelling, JSON.stringify(said))).start();
    const baseUrl = `http://127.0.0.1:${String(upstream.port)}`;
    const client = new SourceClient({ source: name, baseUrl, maxSockets: 1, counts });
    const userApi = createUserApi({ profile: client, posts: client, analytics: client });
    const eventApi = createEventApi({ users: client, events: client });
    const request = { signal: AbortSignal.timeout(20_000), requestId: 'r' };
    const asked = {
      profile: () => userApi.profile('u1', request),
      posts: () => userApi.posts('u1', request),
      analytics: () => userApi.analytics('u1', request),
      users: () => eventApi.users(request),
      user: () => eventApi.user('u1', request),
      events: () => eventApi.events(request),
      event: () => eventApi.event('e1', request),
    };
    answers[name] = [await asked[name as keyof typeof asked](), upstream.requests];
    client.close();
    await upstream.stop();
  }
  return answers;
}

const byType = (adeventsx: unknown, eventApi = adeventsx, webhook = adeventsx) => ({
  adeventsx,
  'event-api': eventApi,
  webhook,
});
const DELIVERED = ['delivered', null, 1];

const titled = (rows: readonly Spelling[]) => rows.map((row) => [row.name, row] as const);
const yesRows = Object.values(spellings).flat();

describe('a yes in another spelling', () => {
  test.each(titled(yesRows))('%s: delivered and read by the first attempt', async (_name, row) => {
    expect(await deliver(row, ACCEPTED)).toEqual(byType(DELIVERED));
    const read = Object.entries(sources).map(([name, { read }]) => [name, [{ kind: 'found', value: read }, 1]]);
    expect(await ask(row)).toEqual(Object.fromEntries(read));
  });

  const empty = (head: string): Spelling => ({ name: '', answer: () => [`${head}\r\n\r\n`] });
  test.each([
    ['202 without a body', empty('HTTP/1.1 202 Accepted\r\nContent-Length: 0')],
    [
      '202 without a body, `Content-Encoding: gzip`',
      empty('HTTP/1.1 202 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0'),
    ],
    ['204', empty('HTTP/1.1 204 No Content')],
    ['204 with a body', empty('HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nabcd')],
    ['205', empty('HTTP/1.1 205 Reset Content\r\nContent-Length: 0')],
    ['white space alone', empty('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')],
  ])('%s: delivered by the first attempt', async (_name, row) => {
    expect(await deliver(row, '')).toEqual(byType(DELIVERED));
  });

  const json: Spelling = {
    name: '',
    answer: (text) => [`HTTP/1.1 200 OK\r\nContent-Length: ${String(text.length)}\r\n\r\n${text}`],
  };
  test.each([
    '{"error":null}',
    '{"error":""}',
    '{"error":false}',
    '{"error":0}',
    '{"error":{}}',
    '{"errors":[]}',
    '{"errors":null,"success":"true"}',
    '{"success":1}',
    '{"success":null}',
    '{"ok":true,"status":"OK"}',
    '{"status":202}',
    '{"status":"202"}',
    '{"data":{"id":1}}',
    '{"error":"was","error":null}',
    '{}',
    '[]',
  ])('%s: delivered by the first attempt', async (text) => {
    expect(await deliver(json, text)).toEqual(byType(DELIVERED));
  });

  test.each([
    '{"error":"invalid_payload"}',
    '{"error":{"code":7}}',
    '{"error":true}',
    '{"errors":["too old"]}',
    '{"success":false}',
    '{"success":"False"}',
    '{"success":0}',
    '{"ok":false}',
    '{"status":"failed"}',
    '{"status":"fail"}',
    '{"status":"Error"}',
    '{"title":"Bad Gateway","status":502}',
    '{"status":"400"}',
  ])('%s in a 200: no yes, except where the status alone is one', async (text) => {
    const no = ['retryable', 'answer_unreadable', 1];
    expect(await deliver(json, text)).toEqual(byType(no, no, DELIVERED));
  });
});

describe('what cannot be read', () => {
  test.each(titled(unreadableBodies))('%s: no yes, except where the status alone is one', async (_name, row) => {
    const no = ['retryable', expect.stringMatching(/^(answer|coding)_/), 1];
    expect(await deliver(row, ACCEPTED)).toEqual(byType(no, no, DELIVERED));
    const code: unknown = expect.stringMatching(/^(unreadable$|answer_|coding_)/);
    const failed = [expect.objectContaining({ kind: 'failed', code }), 1];
    expect(await ask(row)).toEqual(Object.fromEntries(Object.keys(sources).map((name) => [name, failed])));
  });

  test.each(titled(unreadableHeads))('%s: no answer', async (_name, row) => {
    expect(await deliver(row, ACCEPTED)).toEqual(byType(['retryable', 'answer_garbled', 1]));
    const failed = [expect.objectContaining({ kind: 'failed', code: 'answer_garbled' }), 1];
    expect(await ask(row)).toEqual(Object.fromEntries(Object.keys(sources).map((name) => [name, failed])));
  });

  test('the status of a refusal counts, however its body ends', async () => {
    const refusal = (status: number): Spelling => ({
      name: '',
      closes: true,
      answer: () => [`HTTP/1.1 ${String(status)} X\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n{`],
    });
    expect(await deliver(refusal(400), '')).toEqual(byType(['rejected', 'http_400', 1]));
    expect(await deliver(refusal(401), '')).toEqual(byType(['held', 'http_401', 1]));
    expect(await deliver(refusal(503), '')).toEqual(byType(['retryable', 'http_503', 1]));
  });
});

test('docs/upstream-answers.md names every row, and no other', () => {
  const page = readFileSync(path.resolve(__dirname, '../../../docs/upstream-answers.md'), 'utf8');
  const [, tables = ''] = page.split('## Spellings of one answer');
  const named = [...tables.matchAll(/^\| (.+?) +\| /gm)].map(([, name = '']) => name);
  const rows = [...yesRows, ...unreadableBodies, ...unreadableHeads].map(({ name }) => name);
  // This one is a row only where Node has it.
  const all = new Set([...rows, '`zstd`, where Node has it (22.15)']);
  expect(named.filter((name) => name !== 'spelling' && !/^-+$/.test(name)).sort()).toEqual([...all].sort());
});
