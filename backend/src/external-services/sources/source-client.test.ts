import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import nock from 'nock';

import type { Conversion } from '../../interfaces/upstream-counts';
import { SourceRetry } from '../../services/users/source-retry';
import { systemRuntime } from '../system-runtime';
import { SourceClient } from './source-client';
import { readProfile } from './source-answers';

let server: Server;
let client: SourceClient;
let requests: string[];

const profile = { id: 'u1', name: 'A', email: 'a@b.c', joinedAt: '2023-01-15T10:30:00Z', status: 'active' };
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const converted: [string, Conversion][] = [];
const counts = {
  repeated: () => undefined,
  converted: (source: string, kind: Conversion) => void converted.push([source, kind]),
};

/** Asks for a profile below `baseUrl`. */
function ask(baseUrl: string) {
  client = new SourceClient({ source: 'user-api.profile', baseUrl, maxSockets: 10, counts });
  const retry = new SourceRetry(systemRuntime, {
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
  const read = (body: Buffer, note: (kind: Conversion) => void) => readProfile('u1', body, note);
  const fetch = retry.asking((id, request) => client.get(`/api/users/${id}/profile`, request, read));
  return { ask: () => fetch('u1', call), gone, attempts };
}

/** A source that meets each call in its turn with one of `answers`, the last one from then on. */
async function sourceWith(...answers: RequestListener[]) {
  requests = [];
  server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(`${request.method ?? ''} ${request.url ?? ''} ${String(request.headers['x-request-id'])}`);
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base`);
}

async function close(): Promise<void> {
  client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const ok: RequestListener = (_request, response) => response.end(json({ data: profile, status: 200 }));
const status =
  (code: number, body = 'no JSON'): RequestListener =>
  (_request, response) =>
    response.writeHead(code).end(body);

describe('what SourceClient asks for again', () => {
  const path = '/api/users/u1/profile';
  beforeAll(() => {
    nock.disableNetConnect();
  });
  afterEach(() => {
    client.close();
    nock.cleanAll();
  });
  afterAll(() => {
    nock.enableNetConnect();
    nock.restore();
  });

  it.each([408, 429, 500, 502, 503, 504])('a %i, soon', async (code) => {
    nock('http://source.test').get(path).reply(code, 'no JSON').get(path).times(2).reply(200, { data: profile });
    const asked = ask('http://source.test');
    expect(await asked.ask()).toEqual({ kind: 'found', value: profile, attempts: 2 });
    expect(asked.attempts).toEqual([1, 2]);
  });

  it.each([400, 401, 403, 405, 410, 302])('no %i', async (code) => {
    const source = nock('http://source.test').get(path).reply(code).get(path).reply(200, { data: profile });
    expect(await ask('http://source.test').ask()).toEqual({ kind: 'failed', code: `http_${code}`, attempts: 1 });
    expect(source.isDone()).toBe(false);
  });

  it('a 404, which it believes the second time', async () => {
    nock('http://source.test').get(path).times(3).reply(404);
    expect(await ask('http://source.test').ask()).toEqual({ kind: 'absent', attempts: 2 });
  });
});

describe('SourceClient', () => {
  afterEach(close);

  it('asks below the base URL with the request id, and keeps times as they came', async () => {
    const { ask, attempts } = await sourceWith(ok);
    expect(await ask()).toEqual({ kind: 'found', value: profile, attempts: 1 });
    expect([requests, attempts]).toEqual([['GET /base/api/users/u1/profile req-1'], [1]]);
  });

  it.each([
    ['a reset', (request) => request.socket.resetAndDestroy()],
    ['HTML with 200', status(200, '<html>')],
    ['nothing with 200', status(200, '')],
    ['broken UTF-8', (_request, response) => response.end(Buffer.from([0xff, 0xfe]))],
    ['another user', (_request, response) => response.end(json({ data: { ...profile, id: 'u2' } }))],
    [
      'an answer cut short',
      (_request, response) => response.writeHead(200, { 'Content-Length': 99 }).write('{') && response.destroy(),
    ],
  ] as [string, RequestListener][])('asks again after %s', async (_what, failure) => {
    const { ask, attempts } = await sourceWith(failure, ok);
    expect(await ask()).toMatchObject({ kind: 'found', attempts: 2 });
    expect(attempts).toEqual([1, 2]);
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
});
