import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

const SECRETS = [Buffer.alloc(32, 1), Buffer.alloc(24, 2)].map((key) => `whsec_${key.toString('base64')}`);

interface EventJson {
  readonly status: string;
  readonly deliveries: readonly { destination: string; status: string; payload: unknown }[];
}

/** Two destinations over real sockets, and a gateway whose file of destinations each test writes. */
describe('several destinations', () => {
  const one = new FakeDestination();
  const two = new FakeDestination();
  let gateway: TestGateway;

  const file = (...entries: readonly string[]) =>
    writeFileSync(join(gateway.folder, 'destinations.yml'), `destinations: [${entries.join(', ')}]\n`);
  const adeventsx = (extra = '') =>
    `{ name: one, type: adeventsx, url: "${one.url}", apiKey: "\${KEY}", events: [purchase, lead] ${extra} }`;
  const webhook = (extra = '') =>
    `{ name: two, type: webhook, url: "${two.url}", events: [purchase, login], secrets: ${JSON.stringify(SECRETS)}, allowPrivateNetwork: true ${extra} }`;

  beforeEach(async () => {
    await Promise.all([one.start(), two.start()]);
    gateway = new TestGateway({ KEY: 'key-1', RETRY_BASE_MS: '20', SHUTDOWN_TIMEOUT_MS: '1000' });
    gateway.environment['DESTINATIONS_FILE'] = join(gateway.folder, 'destinations.yml');
  });

  afterEach(async () => {
    await gateway.dispose();
    await Promise.all([one.stop(), two.stop()]);
    one.answering = () => accepted;
    two.answering = () => accepted;
    for (const { calls, acceptedIds } of [one, two]) calls.length = acceptedIds.length = 0;
  });

  async function post(fields: Record<string, unknown> = {}): Promise<string> {
    const response = await gateway.post('/events', purchase(fields), { Prefer: 'wait=20' });
    expect(response.status).toBeLessThan(300);
    return (response.body as { event_id: string }).event_id;
  }

  async function read(id: string): Promise<EventJson> {
    return (await gateway.get(`/events/${id}`)).body as EventJson;
  }

  const standing = ({ deliveries }: EventJson) =>
    Object.fromEntries(deliveries.map(({ destination, status }) => [destination, status]));

  test('each gets the events that it wants, in its own form', async () => {
    file(adeventsx(), webhook());
    await gateway.start();
    const bought = await post();
    const login = await post({ event_name: 'login', value: undefined, campaign_id: undefined });
    expect(standing(await read(bought))).toEqual({ one: 'delivered', two: 'delivered' });
    expect(standing(await read(login))).toEqual({ two: 'delivered' });
    expect(one.calls.map(({ headers }) => headers['x-api-key'])).toEqual(['key-1']);
    expect(two.calls.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual(['purchase', 'login']);
  });

  test('a webhook is signed by each secret, over exactly the bytes that arrive', async () => {
    file(webhook());
    await gateway.start();
    const id = await post();
    const [call] = two.calls;
    const {
      'webhook-id': webhookId,
      'webhook-timestamp': timestamp,
      'webhook-signature': signature,
    } = call?.headers ?? {};
    const signatures = [Buffer.alloc(32, 1), Buffer.alloc(24, 2)].map((key) =>
      createHmac('sha256', key)
        .update(`${id}.${String(timestamp)}.${String(call?.body)}`)
        .digest('base64'),
    );
    expect(webhookId).toBe(id);
    expect(signature).toBe(signatures.map((each) => `v1,${each}`).join(' '));
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(60);
  });

  test('one that hangs delays no other', async () => {
    two.answering = () => null;
    file(adeventsx(', concurrency: 2'), webhook(', concurrency: 2'));
    await gateway.start();
    await Promise.all(Array.from({ length: 50 }, () => gateway.post('/events', purchase())));
    await one.until(({ acceptedIds }) => acceptedIds.length === 50);
    expect(two.calls).toHaveLength(2);
  });

  test('one that is off gets nothing new', async () => {
    file(adeventsx(), webhook(', mode: off'));
    await gateway.start();
    expect(standing(await read(await post()))).toEqual({ one: 'delivered' });
    expect(two.calls).toHaveLength(0);
  });

  test('in test mode each call says so, and is otherwise what it would be', async () => {
    file(adeventsx(', mode: test'), webhook());
    await gateway.start();
    expect(standing(await read(await post()))).toEqual({ one: 'delivered', two: 'delivered' });
    expect([...one.calls, ...two.calls].map(({ headers }) => headers['x-test-mode'])).toEqual(['true', undefined]);
    const [call] = one.calls;
    expect(Object.keys(JSON.parse(String(call?.body)) as object)).toHaveLength(7);
    const { data } = (await gateway.get('/destinations', await gateway.token('operator', 'operator-dev-secret')))
      .body as { data: object[] };
    expect(data).toMatchObject([{ name: 'one', mode: 'test', contract: { test_mode: true } }, { mode: 'live' }]);
  });

  test('a webhook within our own network is not called unless it is allowed: its event is dead, and says why', async () => {
    file(webhook().replace('allowPrivateNetwork: true', 'allowPrivateNetwork: false'));
    await gateway.start();
    const id = await post();
    expect(standing(await read(id))).toEqual({ two: 'dead' });
    const attempts = (await gateway.get(`/events/${id}/attempts`)).body as { data: unknown[] };
    expect(attempts.data).toMatchObject([{ outcome: 'rejected', error: 'address_refused', http_status: null }]);
    expect(two.calls).toHaveLength(0);
  });

  test('batches go as arrays, and each of their events is delivered', async () => {
    two.answering = () => ({ status: 503 });
    file(webhook(', maxBatch: 100, batchMode: atomic, concurrency: 1'));
    await gateway.start();
    const ids = await Promise.all(
      Array.from(
        { length: 40 },
        async () => ((await gateway.post('/events', purchase())).body as { event_id: string }).event_id,
      ),
    );
    two.answering = () => accepted;
    const received = () =>
      two.calls
        .filter(({ status }) => status === 202)
        .flatMap(({ body }) => (JSON.parse(body) as { data: { event_id: string } }[]).map(({ data }) => data.event_id));
    await two.until(() => received().length >= ids.length);
    expect(received().sort()).toEqual([...ids].sort());
    expect(two.calls.length).toBeLessThan(60);
  });

  test('a file with faults keeps the gateway from starting and names them', async () => {
    file(adeventsx(', mode: test'), webhook(', retries: 3'));
    await expect(gateway.start()).rejects.toThrow(/line 1: destinations\[1\]\.retries is not known here/);
  });

  test('a reload adds, changes and takes away, and loses nothing that was open or in flight', async () => {
    file(webhook());
    await gateway.start();
    let release: () => void = () => undefined;
    two.answering = (_call, _body, response) => {
      release = () => response.writeHead(202).end();
      return null;
    };
    const inFlight = (await gateway.post('/events', purchase())).body as { event_id: string };
    await two.until(({ calls }) => calls.length === 1);

    // The webhook goes while a call to it is under way, AdEventsX comes.
    file(adeventsx());
    const reloaded = gateway.reload();
    while (!('one' in ((await gateway.get('/events/circuit-status')).body as object)));
    const between = await post();
    expect(standing(await read(between))).toEqual({ one: 'delivered' });
    release();
    await reloaded;
    expect(standing(await read(inFlight.event_id))).toEqual({ two: 'delivered' });

    // It comes back, fails, goes with an open delivery, and the delivery goes on when it is there again.
    two.answering = () => ({ status: 503 });
    file(webhook());
    await gateway.reload();
    const open = ((await gateway.post('/events', purchase())).body as { event_id: string }).event_id;
    await two.until(({ calls }) => calls.length >= 3);
    file();
    await gateway.reload();
    expect(standing(await read(open))).toEqual({ two: 'pending' });
    two.answering = () => accepted;
    file(webhook(', concurrency: 3'));
    await gateway.reload();
    await two.until(({ acceptedIds }) => acceptedIds.length > 0);
    expect(two.calls.at(-1)?.body).toContain(open);
  });

  test('a reload of a faulty file changes nothing', async () => {
    file(adeventsx());
    await gateway.start();
    file(webhook(), adeventsx(', mode: on'));
    await gateway.reload();
    expect(standing(await read(await post()))).toEqual({ one: 'delivered' });
  });
});

describe('without a file of destinations', () => {
  const upstream = new FakeDestination();
  let gateway: TestGateway;
  beforeAll(async () => {
    await upstream.start();
    gateway = await new TestGateway({ EVENT_API_URL: upstream.url }).start();
  });
  afterAll(async () => {
    await gateway.dispose();
    await upstream.stop();
  });

  test('the event API gets nothing of what is posted to /events', async () => {
    const response = await gateway.post('/events', purchase());
    expect(response.body).toMatchObject({ status: 'stored', deliveries: [] });
    const circuits = (await gateway.get('/events/circuit-status')).body as object;
    expect(circuits).toHaveProperty('event-api');
  });
});
