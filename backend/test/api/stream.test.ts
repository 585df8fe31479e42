import http from 'node:http';

import { FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

interface Received {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: { readonly event_id?: string; readonly destination?: string };
}

/** A reader of the stream that can wait for what it wants to see. */
class Reader {
  readonly received: Received[] = [];
  isOver = false;
  status = 0;
  private text = '';
  private readonly waiting = new Set<() => void>();
  private request: http.ClientRequest | null = null;
  response: http.IncomingMessage | null = null;

  async open(gateway: TestGateway, token: string, lastId?: string): Promise<this> {
    const headers = { authorization: `Bearer ${token}`, ...(lastId !== undefined && { 'last-event-id': lastId }) };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      this.request = http.get(`${gateway.url}/events/stream`, { headers }, resolve).on('error', reject);
    });
    this.response = response;
    this.status = response.statusCode ?? 0;
    response.on('data', (chunk: Buffer) => this.take(chunk.toString('utf8')));
    response.on('close', () => {
      this.isOver = true;
      this.wake();
    });
    response.on('error', () => undefined);
    return this;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  close(): void {
    this.request?.destroy();
  }

  private take(text: string): void {
    this.text += text;
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data !== undefined)
        this.received.push({ id: field('id'), event: field('event'), data: JSON.parse(data) as Received['data'] });
    }
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

const destination = new FakeDestination();
let gateway: TestGateway;
const readers: Reader[] = [];

async function read(token?: string, lastId?: string): Promise<Reader> {
  const reader = await new Reader().open(gateway, token ?? (await gateway.token()), lastId);
  readers.push(reader);
  return reader;
}

beforeAll(() => destination.start());

beforeEach(async () => {
  gateway = await new TestGateway({ ADEVENTSX_URL: destination.url, ADEVENTSX_API_KEY: 'key-1' }).start();
});

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close();
  await gateway.dispose();
});

afterAll(() => destination.stop());

async function post(token?: string): Promise<string> {
  const headers = { Prefer: 'wait=10', ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
  return ((await gateway.post('/events', purchase(), headers)).body as { event_id: string }).event_id;
}

const isDelivered = (reader: Reader, id: string) => () =>
  reader.received.some(({ event, data }) => event === 'delivered' && data.event_id === id);

test('tells an event accepted, attempted and delivered, in that order', async () => {
  const reader = await read();
  expect([reader.status, reader.response?.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const id = await post();
  await reader.until(isDelivered(reader, id));
  expect(reader.received.map(({ event, data }) => [event, data.event_id])).toEqual([
    ['accepted', id],
    ['attempted', id],
    ['delivered', id],
  ]);
});

test("a client sees its own events only, an operator everyone's", async () => {
  const other = await read(await gateway.token('mobile-app'));
  const operator = await read(await gateway.token('operator', 'operator-dev-secret'));
  const theirs = await post();
  await operator.until(isDelivered(operator, theirs));
  const own = await post(await gateway.token('mobile-app'));
  await other.until(isDelivered(other, own));
  expect(other.received.map(({ data }) => data.event_id)).toEqual([own, own, own]);
});

test('Last-Event-ID resumes where the reader left off; an id of another run is told by reset', async () => {
  const first = await read();
  const seen = await post();
  await first.until(isDelivered(first, seen));
  first.close();
  const missed = await post();
  const again = await read(undefined, first.received.at(-1)?.id);
  await again.until(isDelivered(again, missed));
  expect(again.received.map(({ data }) => data.event_id)).toEqual([missed, missed, missed]);
  const foreign = await read(undefined, 'another-run-5');
  await foreign.until(() => foreign.received.length > 0);
  expect(foreign.received.map(({ event }) => event)).toEqual(['reset']);
});

test('an empty Last-Event-ID is none, and one that is cut short is unknown', async () => {
  const first = await read();
  const seen = await post();
  await first.until(isDelivered(first, seen));
  const empty = await read(undefined, '');
  const cut = await read(undefined, String(first.received[0]?.id).replace(/\d+$/, ''));
  const next = await post();
  for (const reader of [empty, cut]) await reader.until(isDelivered(reader, next));
  expect(empty.received.map(({ data }) => data.event_id)).toEqual([next, next, next]);
  expect(cut.received[0]?.event).toBe('reset');
});

test('a stop of the gateway ends the stream and is not held up by it', async () => {
  const reader = await read();
  await gateway.stop();
  await reader.until(() => reader.isOver);
  expect(reader.response?.complete).toBe(true);
});
