import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import supertest from 'supertest';

import { type Answer, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

/** One event that a webhook answers badly among events that it takes, over real sockets, from the POST to the end of each. */

const COOLDOWN_MS = 5_000;
const POISON = '<script';
const taken: Answer = { status: 202, body: '{}' };
const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;

const hook = new FakeDestination();
let gateway: TestGateway;
let operator = '';

/** Ids of the good events that the webhook took, whether alone or in a batch. */
let arrived = new Set<string>();
let poison: Answer | null = null;
let isKeyRight = true;

function itemsOf(body: string): { readonly data: { readonly event_id: string } }[] {
  const parsed = JSON.parse(body) as { readonly data: { readonly event_id: string } };
  return Array.isArray(parsed) ? parsed : [parsed];
}

async function start(batch: string, environment: Record<string, string>): Promise<void> {
  arrived = new Set();
  isKeyRight = true;
  await hook.start();
  hook.answering = (_call, body) => {
    if (!isKeyRight) return { status: 401 };
    if (body.includes(POISON)) return poison;
    for (const { data } of itemsOf(body)) arrived.add(data.event_id);
    return taken;
  };
  gateway = new TestGateway({
    ...{ RETRY_BASE_MS: '50', RETRY_FOR_MS: '2000', CIRCUIT_COOLDOWN_MS: String(COOLDOWN_MS) },
    ...{ SHUTDOWN_TIMEOUT_MS: '1000', ...environment },
  });
  const path = join(gateway.folder, 'destinations.yml');
  const entry = `name: hook, type: webhook, url: "${hook.url}", events: "*", secrets: ["${secret}"] ${batch}`;
  writeFileSync(path, `destinations: [{ ${entry}, allowPrivateNetwork: true }]\n`);
  gateway.environment['DESTINATIONS_FILE'] = path;
  await gateway.start();
  operator = await gateway.token('operator', 'operator-dev-secret');
}

afterEach(async () => {
  await gateway.dispose();
  await hook.stop();
  hook.calls.length = hook.acceptedIds.length = 0;
});

async function post(fields: Record<string, unknown> = {}): Promise<string> {
  const event_id = randomUUID();
  const answer = await gateway.post('/events', purchase({ event_id, ...fields }));
  expect(answer.status).toBe(202);
  return event_id;
}

const postPoisoned = () => post({ campaign_id: `a${POISON}>` });

async function untilArrived(ids: readonly string[]): Promise<void> {
  await hook.until(() => ids.every((id) => arrived.has(id)));
}

interface Delivery {
  readonly status: string;
  readonly dead_reason: string | null;
  readonly attempts: number;
}

async function deliveryOf(id: string): Promise<Delivery> {
  const { body } = await gateway.get(`/events/${id}`, operator);
  return (body as { deliveries: Delivery[] }).deliveries[0] as Delivery;
}

async function endOf(id: string): Promise<Delivery> {
  for (;;) {
    const delivery = await deliveryOf(id);
    if (delivery.status !== 'pending' && delivery.status !== 'delivering') return delivery;
  }
}

async function holdOf(): Promise<{ readonly kind: string } | null> {
  const { body } = await gateway.get('/destinations', operator);
  return (body as { data: { hold: { kind: string } | null }[] }).data[0]?.hold ?? null;
}

const after30: Answer['headers'] = { 'retry-after': '30' };
const exhausted = { status: 'dead', dead_reason: 'retries_exhausted' };
const refused = { status: 'dead', dead_reason: 'rejected' };

describe.each<[string, Answer | null, object, Record<string, string>]>([
  ['403', { status: 403 }, exhausted, {}],
  ['401', { status: 401 }, exhausted, {}],
  ['410', { status: 410 }, refused, {}],
  ['413', { status: 413 }, refused, {}],
  ['429', { status: 429 }, exhausted, {}],
  ['429 with Retry-After', { status: 429, headers: after30 }, exhausted, { CIRCUIT_COOLDOWN_MS: '500' }],
  ['500', { status: 500 }, exhausted, {}],
  ['503 with Retry-After', { status: 503, headers: after30 }, exhausted, { CIRCUIT_COOLDOWN_MS: '500' }],
  ['no answer', null, exhausted, { ATTEMPT_TIMEOUT_MS: '500' }],
])('one event that is answered with %s', (_name, answer, end, environment) => {
  test('delays no event beside it by a cooldown or by its Retry-After, and ends by its own limit', async () => {
    poison = answer;
    await start('', environment);
    await untilArrived([await post()]);
    const poisoned = await postPoisoned();
    await hook.until(({ calls }) => calls.some(({ body }) => body.includes(POISON)));
    const from = Date.now();
    const good: string[] = [];
    for (let count = 0; count < 10; count += 1) good.push(await post());
    await untilArrived(good);
    expect(Date.now() - from).toBeLessThan(COOLDOWN_MS);
    expect(await endOf(poisoned)).toMatchObject(end);
    for (const id of good) expect(await endOf(id)).toMatchObject({ status: 'delivered', attempts: 1 });
    await untilArrived([await post()]);
    expect(await holdOf()).toBeNull();
  }, 60_000);
});

describe.each<[string, Answer, object]>([
  ['403', { status: 403 }, exhausted],
  ['500', { status: 500 }, exhausted],
  ['413', { status: 413 }, refused],
])('a batch that is answered with %s for one event in it', (_name, answer, end) => {
  test('loses nothing but that event', async () => {
    poison = answer;
    await start(', maxBatch: 50, batchMode: atomic', {});
    // While it is paused all of them gather, and then they go together.
    await supertest(gateway.url)
      .post('/destinations/hook/pause')
      .set('Authorization', `Bearer ${operator}`)
      .send({ reason: 'so that they gather' })
      .expect(200);
    const good: string[] = [];
    for (let count = 0; count < 12; count += 1) good.push(await post());
    const poisoned = await postPoisoned();
    for (let count = 0; count < 12; count += 1) good.push(await post());
    const from = Date.now();
    await supertest(gateway.url)
      .post('/destinations/hook/resume')
      .set('Authorization', `Bearer ${operator}`)
      .expect(200);
    await untilArrived(good);
    expect(Date.now() - from).toBeLessThan(COOLDOWN_MS);
    expect(itemsOf(hook.calls[0]?.body ?? '[]')).toHaveLength(25);
    expect(await endOf(poisoned)).toMatchObject(end);
    for (const id of good) expect(await endOf(id)).toMatchObject({ status: 'delivered' });
  }, 60_000);
});

test('a refused event alone is shown as a hold, and an operator can discard it', async () => {
  poison = { status: 403 };
  await start('', {});
  const poisoned = await postPoisoned();
  while ((await deliveryOf(poisoned)).attempts === 0 || (await holdOf()) === null);
  expect(await holdOf()).toMatchObject({ kind: 'unauthorized' });
  const { body } = await gateway.get('/events/circuit-status', operator);
  expect(JSON.stringify(body)).toContain('OPEN');
  while ((await deliveryOf(poisoned)).status !== 'pending');
  await supertest(gateway.url)
    .post(`/events/${poisoned}/discard`)
    .set('Authorization', `Bearer ${operator}`)
    .send({ reason: 'a firewall refuses it' })
    .expect(200);
  expect(await endOf(poisoned)).toMatchObject({ status: 'discarded' });
}, 60_000);

test('a key that is wrong holds the destination, burns no attempt, and all is delivered once it is mended', async () => {
  await start('', { CIRCUIT_COOLDOWN_MS: '200', RETRY_FOR_MS: '1000' });
  isKeyRight = false;
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) ids.push(await post());
  // More probes than its retries could last.
  const from = Date.now();
  await hook.until(({ calls }) => calls.length >= 8 && Date.now() - from > 2_000);
  expect(await holdOf()).toMatchObject({ kind: 'unauthorized' });
  for (const id of ids) expect(['pending', 'delivering']).toContain((await deliveryOf(id)).status);
  isKeyRight = true;
  await untilArrived(ids);
  for (const id of ids) expect(await endOf(id)).toMatchObject({ status: 'delivered' });
  expect(await holdOf()).toBeNull();
}, 60_000);
