import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { accepted, FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

// The idempotency cache of one process, while another process changes what it holds.

const ROUNDS = process.env['LONG'] === '1' ? 1_000 : 20;

const folder = mkdtempSync(join(tmpdir(), 'sluice-repeats-'));
const destination = new FakeDestination();
const gateways: GatewayProcess[] = [];
let token = '';

beforeAll(async () => {
  await destination.start();
  const settings = {
    JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
    STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
    ADEVENTSX_URL: destination.url,
    ADEVENTSX_API_KEY: 'key-1',
    RATE_LIMIT_PER_MINUTE: '10000000',
  };
  gateways.push(new GatewayProcess(settings), new GatewayProcess(settings));
  for (const gateway of gateways) await gateway.start();
  const client = { clientId: 'operator', clientSecret: 'operator-dev-secret' };
  token = (JSON.parse((await call(0, 'POST', '/auth', client)).text) as { access_token: string }).access_token;
});

afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.kill()));
  await destination.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks one of the two processes. */
async function call(
  which: 0 | 1,
  method: string,
  path: string,
  body?: object,
  more: Record<string, string> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${gateways[which]?.url ?? ''}${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...more },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** The status that a process tells whoever posts the event. */
async function post(which: 0 | 1, event: object, headers: Record<string, string> = {}): Promise<string> {
  const { text } = await call(which, 'POST', '/events', event, headers);
  return (JSON.parse(text) as { status: string }).status;
}

async function hits(): Promise<number> {
  const { text } = await call(0, 'GET', '/metrics');
  return Number(/^sluice_idempotency_cache_total\{result="hit"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** Has it in the cache of process 0, which is shown by a hit. */
async function cache(event: object): Promise<string> {
  await post(0, event);
  await post(0, event);
  const before = await hits();
  const status = await post(0, event);
  expect(await hits()).toBe(before + 1);
  return status;
}

async function operate(verb: 'replay' | 'discard', event: Record<string, unknown>, body: object): Promise<void> {
  const { status, text } = await call(1, 'POST', `/events/${String(event['event_id'])}/${verb}`, body);
  if (status >= 300) throw new Error(`${verb} answered ${status}: ${text}`);
}

test('a replay in one process is in the very next answer of the other, which had the end in its cache', async () => {
  const event = purchase({ event_id: randomUUID() });
  expect(await post(0, event, { prefer: 'wait=30' })).toBe('delivered');
  for (let round = 0; round < ROUNDS; round += 1) {
    expect(await cache(event)).toBe('delivered');
    const held: ServerResponse[] = [];
    const seen = destination.calls.length;
    destination.answering = (_call, _body, response) => {
      held.push(response);
      return null;
    };
    await operate('replay', event, { force: true });
    expect(await post(0, event)).toBe('pending');
    await destination.until(({ calls }) => calls.length > seen);
    expect(await post(0, event)).toBe('pending');
    destination.answering = () => accepted;
    for (const response of held) response.writeHead(202, { 'content-type': 'application/json' }).end(accepted.body);
    expect(await post(0, event, { prefer: 'wait=30' })).toBe('delivered');
  }
});

test('a discard in one process is in the very next answer of the other', async () => {
  destination.answering = () => ({ status: 400, body: '{"error":"invalid_payload"}' });
  for (let round = 0; round < ROUNDS; round += 1) {
    const event = purchase({ event_id: randomUUID() });
    expect(await post(0, event, { prefer: 'wait=30' })).toBe('dead');
    expect(await cache(event)).toBe('dead');
    await operate('discard', event, { reason: 'a test order' });
    const stored = await call(1, 'GET', `/events/${String(event['event_id'])}`);
    const { status } = JSON.parse(stored.text) as { status: string };
    expect(status).not.toBe('dead');
    expect(await post(0, event)).toBe(status);
  }
});
