import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { ParallelRetryPolicy } from '../../services/users/parallel-retry-policy';
import { systemRuntime } from '../system-runtime';
import { SourceClient } from './source-client';
import { readEvent, readPosts, readProfile, readUsers } from './source-schemas';

let server: Server;
let client: SourceClient;
let requests: string[];

const profile = { id: 'u1', name: 'A', email: 'a@b.c', joinedAt: '2023-01-15T10:30:00Z', status: 'active' };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A source that meets each call in its turn with one of `answers`, the last one from then on. */
async function sourceWith(...answers: RequestListener[]) {
  requests = [];
  server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(`${request.method ?? ''} ${request.url ?? ''} ${String(request.headers['x-request-id'])}`);
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new SourceClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`,
    maxSockets: 10,
  });
  const policy = new ParallelRetryPolicy(systemRuntime, {
    poolSize: 10,
    ratePerSecond: 1_000,
    circuitCooldownMs: 1_000,
    timeoutMaxMs: 1_400,
  });
  const gone = new AbortController();
  const attempts: number[] = [];
  const call = {
    signal: gone.signal,
    remainingMs: () => 10_000,
    requestId: 'req-1',
    onAttempt: (attempt: number) => attempts.push(attempt),
  };
  const ask = () => client.get('/api/users/u1/profile', policy, call, (body) => readProfile('u1', body));
  return { ask, gone, attempts };
}

afterEach(async () => {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const ok: RequestListener = (_request, response) => response.end(json({ data: profile, status: 200 }));
const status =
  (code: number, body = 'no JSON'): RequestListener =>
  (_request, response) =>
    response.writeHead(code).end(body);

describe('SourceClient', () => {
  it('asks below the base URL with the request id, and keeps times as they came', async () => {
    const { ask, attempts } = await sourceWith(ok);
    expect(await ask()).toEqual({ kind: 'found', value: profile, attempts: 1 });
    expect([requests, attempts]).toEqual([['GET /base/api/users/u1/profile req-1'], [1]]);
  });

  it.each([
    ['500', status(500)],
    ['503', status(503)],
    ['429', status(429)],
    ['408', status(408)],
    ['a reset', (request) => request.socket.resetAndDestroy()],
    ['HTML with 200', status(200, '<html>')],
    ['nothing with 200', status(200, '')],
    ['broken UTF-8', (_request, response) => response.end(Buffer.from([0xff, 0xfe]))],
    ['another user', (_request, response) => response.end(json({ data: { ...profile, id: 'u2' } }))],
    ['a profile without a name', (_request, response) => response.end(json({ data: { ...profile, name: undefined } }))],
    [
      'an answer cut short',
      (_request, response) => response.writeHead(200, { 'Content-Length': 99 }).write('{') && response.destroy(),
    ],
  ] as [string, RequestListener][])('asks again after %s', async (_what, failure) => {
    const { ask, attempts } = await sourceWith(failure, ok);
    expect(await ask()).toMatchObject({ kind: 'found', attempts: 2 });
    expect(attempts).toEqual([1, 2]);
  });

  it.each([
    [400, 'http_400'],
    [401, 'http_401'],
    [302, 'http_302'],
  ])('does not ask again after %i', async (code, expected) => {
    const { ask } = await sourceWith(status(code));
    expect(await ask()).toEqual({ kind: 'failed', code: expected, attempts: 1 });
    expect(requests).toHaveLength(1);
  });

  it('does not read an answer without end', async () => {
    const { ask } = await sourceWith((_request, response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'answer_too_large', attempts: 1 });
  });

  it('never asks again once it was cancelled', async () => {
    const { ask, gone } = await sourceWith(() => gone.abort('client_gone'));
    expect(await ask()).toMatchObject({ kind: 'failed', code: 'cancelled', attempts: 1 });
    expect(requests).toHaveLength(1);
  });

  it('believes a 404 after the second attempt', async () => {
    const { ask } = await sourceWith(status(404));
    expect(await ask()).toEqual({ kind: 'absent', attempts: 2 });
  });
});

describe('what sources say', () => {
  beforeEach(() => sourceWith(ok));

  it('counts posts and finds the newest, whatever their order and zone', () => {
    const at = (createdAt: string) => ({ id: 'p', title: 't', createdAt });
    const data = [at('2024-01-01T00:00:00Z'), at('2024-03-01T01:00:00+05:00'), at('2024-02-29T21:00:00Z')];
    expect(readPosts(json({ data }))).toEqual({ kind: 'found', value: { total: 3, newestAt: '2024-02-29T21:00:00Z' } });
    expect(readPosts(json({ data: [] }))).toEqual({ kind: 'found', value: { total: 0, newestAt: null } });
    expect(readPosts(json({ data: [at('yesterday')] }))).toMatchObject({ code: 'unreadable' });
    expect(readPosts(json({ data: Array.from({ length: 5_001 }, () => at('2024-01-01')) }))).toMatchObject({
      code: 'unreadable',
    });
  });

  it('cuts long texts and drops unknown fields', () => {
    const data = { ...profile, name: 'x'.repeat(1_000), secret: 1 };
    const sent = readProfile('u1', json({ data }));
    expect(sent).toEqual({ kind: 'found', value: { ...profile, name: 'x'.repeat(256) } });
  });

  it('reads what is wrapped and what is not, and a wrapped 404', () => {
    const posts = [{ createdAt: '2024-01-01T00:00:00Z' }];
    expect(readProfile('u1', json(profile))).toEqual({ kind: 'found', value: profile });
    expect(readPosts(json(posts))).toEqual(readPosts(json({ data: posts, status: 200 })));
    expect(readProfile('u1', json({ data: null, status: 404 }))).toEqual({ kind: 'not_found' });
    for (const data of [null, [profile], 'text', 7]) {
      expect(readProfile('u1', json({ data, status: 200 }))).toMatchObject({ code: 'unreadable' });
    }
  });

  it('a user of the directory without events has none', () => {
    for (const events of [undefined, null, []]) {
      expect(readUsers(json([{ id: '1', name: 'A', events }]))).toEqual({
        kind: 'found',
        value: [{ id: '1', name: 'A', events: [] }],
      });
    }
  });

  it('takes an empty answer of the directory for: there is none', () => {
    expect(readEvent('event-1', Buffer.from(' \n'))).toEqual({ kind: 'absent' });
    expect(readEvent('event-1', json({ id: 'event-2', name: 'n', userId: '1' }))).toMatchObject({ code: 'unreadable' });
    expect(readUsers(json([{ id: '1', name: 'A', events: ['event-1'] }]))).toMatchObject({ kind: 'found' });
    expect(readUsers(Buffer.from(''))).toMatchObject({ code: 'unreadable' });
  });
});
