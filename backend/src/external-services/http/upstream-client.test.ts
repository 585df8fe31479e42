import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import nock from 'nock';

import { UpstreamClient } from './upstream-client';

/** What the client itself sends again, which is next to nothing: retries belong to the schedule in the store. */

const client = new UpstreamClient({ maxSockets: 1 });
const request = (url: string) => ({
  method: 'POST' as const,
  url,
  headers: {},
  body: Buffer.from('{}'),
  signal: AbortSignal.timeout(30_000),
});
afterAll(() => client.close());

describe('an answer', () => {
  beforeAll(() => {
    nock.disableNetConnect();
  });
  afterEach(() => nock.cleanAll());
  afterAll(() => {
    nock.enableNetConnect();
    nock.restore();
  });

  it.each([200, 302, 400, 401, 404, 408, 429, 500, 502, 503, 504])('of %i is the answer', async (status) => {
    nock('http://upstream.test').post('/').reply(status, '{"a":1}', { 'Retry-After': '0' });
    const another = nock('http://upstream.test').post('/').reply(200);
    const answer = await client.call(request('http://upstream.test/'));
    expect(answer).toMatchObject({ kind: 'response', status, body: Buffer.from('{"a":1}') });
    expect(another.isDone()).toBe(false);
  });
});

describe('a call', () => {
  it('of which nothing was sent is made three times, and certain not to have arrived', async () => {
    // A port that was free a moment ago; nothing listens on it.
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const startedAt = performance.now();
    expect(await client.call(request(`http://127.0.0.1:${String(port)}/`))).toEqual({
      kind: 'failure',
      code: 'ECONNREFUSED',
      mayHaveBeenProcessed: false,
    });
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75);
  });

  it('that may have arrived is made once', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined).once('data', () => socket.resetAndDestroy());
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await client.call(request(`http://127.0.0.1:${String(port)}/`))).toEqual({
      kind: 'failure',
      code: 'ECONNRESET',
      mayHaveBeenProcessed: true,
    });
    expect(connections).toBe(1);
    await new Promise((resolve) => server.close(resolve));
  });
});
