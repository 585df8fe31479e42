import { randomUUID } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { createMockApis, type MockApis } from '../mock-apis';

interface Answer {
  readonly status: number | null;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The code of what went wrong, null when the answer came whole. */
  readonly error: string | null;
  /** When each piece of the body came, in ms after the request. */
  readonly piecesAfterMs: readonly number[];
}

let apis: MockApis;
let port: number;

beforeAll(async () => {
  apis = createMockApis({ port: 0 });
  ({ port } = await apis.start());
});
afterAll(() => apis.stop());
beforeEach(() => {
  apis.set({ adeventsx: { script: [], delayMs: [0, 0] } });
  apis.reset();
});

function payload(): string {
  const fields = { user: 'u', name: 'lead', ts: 1, value_cents: 0, campaign: null, source: 'internal_martech' };
  return JSON.stringify({ id: randomUUID(), ...fields });
}

/** One call as Node's own client sees it: this never rejects. */
function call(body = payload(), agent = new Agent()): Promise<Answer> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const chunks: Buffer[] = [];
    const piecesAfterMs: number[] = [];
    let head: Pick<Answer, 'status' | 'headers'> = { status: null, headers: {} };
    const end = (error: string | null): void =>
      resolve({ ...head, body: Buffer.concat(chunks).toString(), error, piecesAfterMs });
    const failed = (error: Error): void => end('code' in error ? String(error.code) : error.message);
    const headers = {
      'Content-Type': 'application/json',
      'X-Api-Key': 'dev-adeventsx-key',
      'Content-Length': Buffer.byteLength(body),
    };
    const sent = request(
      { host: '127.0.0.1', port, path: '/v1/conversions', method: 'POST', agent, headers },
      (res) => {
        head = { status: res.statusCode ?? null, headers: res.headers };
        res.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          piecesAfterMs.push(performance.now() - startedAt);
        });
        res.on('error', failed);
        res.on('end', () => end(null));
      },
    );
    sent.on('error', failed);
    sent.end(body);
  });
}

function meet(behaviour: string): Promise<Answer> {
  apis.set({ adeventsx: { script: [behaviour] } });
  return call();
}

/** What AdEventsX says of the one call it had. */
function remembered(): { received: number; status: number | null; hasBody: boolean; behaviour: string } {
  const [only, ...others] = apis.adeventsx.readCalls({ limit: 10 }).calls;
  if (only === undefined || others.length > 0) throw new Error('there was not exactly one call');
  const received = apis.adeventsx.readConversions({ limit: 10 }).count;
  return { received, status: only.status, hasBody: only.sha256 !== null, behaviour: only.behaviour };
}

describe('statuses', () => {
  it.each([
    ['400', 400, { error: 'invalid_payload' }, undefined],
    ['401', 401, { error: 'unauthorized' }, undefined],
    ['404', 404, { error: 'not_found' }, undefined],
    ['409', 409, { error: 'conflict' }, undefined],
    ['410', 410, { error: 'gone' }, undefined],
    ['418', 418, { error: 'error' }, undefined],
    ['429', 429, { error: 'rate_limited', retry_after: 2 }, '2'],
    ['429:7', 429, { error: 'rate_limited', retry_after: 7 }, '7'],
    ['429:none', 429, { error: 'rate_limited', retry_after: 2 }, undefined],
    ['429:garbage', 429, { error: 'rate_limited', retry_after: 2 }, 'soon-ish'],
    ['500', 500, { error: 'upstream_error' }, undefined],
    ['503', 503, { error: 'upstream_error' }, undefined],
    ['503:99999999999', 503, { error: 'upstream_error' }, '99999999999'],
  ])('%s', async (behaviour, status, body, retryAfter) => {
    const answer = await meet(behaviour);
    expect(answer).toMatchObject({ status, error: null });
    expect(JSON.parse(answer.body)).toEqual(body);
    expect(answer.headers['retry-after']).toBe(retryAfter);
    expect(remembered()).toEqual({ received: 0, status, hasBody: true, behaviour: String(status) });
  });

  it('429:date:5 names the time five seconds ahead', async () => {
    const before = Date.now();
    const { headers } = await meet('429:date:5');
    expect(headers['retry-after']).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    const waitMs = Date.parse(headers['retry-after'] ?? '') - before;
    // The header has whole seconds only.
    expect(waitMs).toBeGreaterThan(3900);
    expect(waitMs).toBeLessThan(8000);
  });
});

describe('answers that are not what they seem', () => {
  it('html is a page that calls itself JSON', async () => {
    const answer = await meet('html');
    expect(answer).toMatchObject({ status: 200, error: null });
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.body).toMatch(/^<!doctype html>/);
    expect(remembered()).toMatchObject({ received: 0, status: 200 });
  });

  it('error-body is a success with an error in it', async () => {
    expect(await meet('error-body')).toMatchObject({ status: 200, body: '{"error":"upstream_error"}', error: null });
    expect(remembered().received).toBe(0);
  });

  it('empty is a success without a body', async () => {
    expect(await meet('empty')).toMatchObject({ status: 200, body: '', error: null });
    expect(remembered().received).toBe(0);
  });

  it.each([
    ['redirect', 302, '/v1/conversions'],
    ['redirect:307', 307, '/v1/conversions'],
    ['redirect:308:http://127.0.0.1:9/x', 308, 'http://127.0.0.1:9/x'],
  ])('%s', async (behaviour, status, location) => {
    const answer = await meet(behaviour);
    expect(answer).toMatchObject({ status, body: '', error: null });
    expect(answer.headers.location).toBe(location);
    expect(remembered()).toEqual({ received: 0, status, hasBody: true, behaviour: 'redirect' });
  });

  it('oversize is a valid answer of that many MiB, and a client that leaves in the middle does no harm', async () => {
    const answer = await meet('oversize:2');
    expect(answer).toMatchObject({ status: 202, error: null });
    expect(answer.body.length).toBeGreaterThan(2 * 1024 * 1024);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'accepted' });
    expect(remembered()).toMatchObject({ received: 1, status: 202 });

    apis.set({ adeventsx: { script: ['oversize:200'] } });
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      const body = payload();
      const head = `POST /v1/conversions HTTP/1.1\r\nHost: x\r\nX-Api-Key: dev-adeventsx-key\r\nContent-Length: ${body.length}`;
      socket.write(`${head}\r\n\r\n${body}`);
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
    });
    expect((await call()).status).toBe(202);
  });
});

describe('answers that do not come whole', () => {
  it('drip sends a byte at a time', async () => {
    const answer = await meet('drip:4');
    expect(answer).toMatchObject({ status: 202, error: null });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'accepted' });
    const bytes = answer.body.length;
    // On a busy machine several of them may be read together.
    expect(answer.piecesAfterMs.length).toBeGreaterThan(3);
    expect((answer.piecesAfterMs.at(-1) ?? 0) - (answer.piecesAfterMs[0] ?? 0)).toBeGreaterThan(bytes * 3);
    expect(remembered()).toMatchObject({ received: 1, status: 202 });
  });

  it('cut ends before its length', async () => {
    const answer = await meet('cut');
    expect(answer).toMatchObject({ status: 202, error: 'ECONNRESET' });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'accepted' });
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(answer.body.length);
    expect(remembered()).toMatchObject({ received: 1, status: 202 });
  });

  it.each([
    ['reset-before', { received: 0, status: null, hasBody: false }],
    ['reset-after', { received: 0, status: null, hasBody: true }],
    ['lost-answer', { received: 1, status: null, hasBody: true }],
  ])('%s resets the connection', async (behaviour, expected) => {
    expect(await meet(behaviour)).toMatchObject({ status: null, error: 'ECONNRESET', body: '' });
    expect(remembered()).toEqual({ ...expected, behaviour });
  });

  it('garbage is not HTTP', async () => {
    const answer = await meet('garbage');
    expect(answer.status).toBeNull();
    expect(answer.error).toMatch(/^HPE_/);
    expect(remembered()).toMatchObject({ received: 0, status: null });
  });

  it('hang never answers, and holds up no other call', async () => {
    apis.set({ adeventsx: { script: ['hang'] } });
    const agent = new Agent();
    let isAnswered = false;
    const hanging = call(payload(), agent).finally(() => (isAnswered = true));
    while (apis.counters().adeventsx.conversions.inFlight === 0) await new Promise(setImmediate);
    for (let other = 0; other < 20; other += 1) expect((await call()).status).toBe(202);
    expect(isAnswered).toBe(false);
    agent.destroy();
    expect(await hanging).toMatchObject({ status: null, error: 'ECONNRESET' });
    while (apis.counters().adeventsx.conversions.inFlight > 0) await new Promise(setImmediate);
    expect(apis.counters().adeventsx.conversions).toMatchObject({ calls: 21, answered: { 202: 20 }, unanswered: 1 });
  });
});

describe('delays', () => {
  async function msOf(action: Promise<Answer>): Promise<[number | null, number]> {
    const startedAt = performance.now();
    const { status } = await action;
    return [status, performance.now() - startedAt];
  }

  it('delay holds back the behaviour that follows it', async () => {
    const [accepted, acceptedAfterMs] = await msOf(meet('delay:60'));
    expect([accepted, acceptedAfterMs >= 59]).toEqual([202, true]);
    const [refused, refusedAfterMs] = await msOf(meet('delay:60:503'));
    expect([refused, refusedAfterMs >= 59]).toEqual([503, true]);
  });

  it('delayMs holds back every answer, and what nobody waits for any more is not taken', async () => {
    apis.set({ adeventsx: { delayMs: [40, 40] } });
    const [status, afterMs] = await msOf(call());
    expect([status, afterMs >= 39]).toEqual([202, true]);
    apis.reset();
    // The second call is later than the first would have been, so that its answer shows what became
    // of the first.
    const agent = new Agent();
    const given = call(payload(), agent);
    while (apis.counters().adeventsx.conversions.inFlight === 0) await new Promise(setImmediate);
    agent.destroy();
    await given;
    expect((await call()).status).toBe(202);
    expect(apis.adeventsx.readConversions({ limit: 10 }).count).toBe(1);
  });
});

it.each(['drip:1', 'cut', 'oversize:1', 'lost-answer', 'delay:1'])(
  '%s refuses a faulty conversion as any',
  async (behaviour) => {
    apis.set({ adeventsx: { script: [behaviour] } });
    expect(await call('{}')).toMatchObject({ status: 400, body: '{"error":"invalid_payload"}', error: null });
    expect(apis.adeventsx.readConversions({ limit: 1 }).count).toBe(0);
  },
);

it('a connection is kept and used again', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const socketsSeen = new Set<unknown>();
  agent.on('free', (socket) => socketsSeen.add(socket));
  for (let index = 0; index < 5; index += 1) expect((await call(payload(), agent)).status).toBe(202);
  agent.destroy();
  expect(socketsSeen.size).toBe(1);
});
