import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EventStore } from '../../src/interfaces/event-store';
import { openVerifiable } from '../contract/sqlite-files';
import { faultsOf } from '../contract/store-fixtures';
import { EventClient } from '../support/event-client';
import { accepted, FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';

const CLIENTS = 16;
const folder = mkdtempSync(join(tmpdir(), 'sluice-stop-'));
/** Throws where nothing catches it, when told to. */
const hook = join(folder, 'throw-on-signal.js');
writeFileSync(hook, `process.on('SIGUSR2', () => { throw new Error('injected by the test'); });\n`);

let destination: FakeDestination;
let gateway: GatewayProcess;
let number = 0;

beforeEach(async () => {
  destination = new FakeDestination();
  await destination.start();
});

afterEach(async () => {
  await gateway.kill();
  await destination.stop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function startGateway(more: Record<string, string> = {}): Promise<void> {
  number += 1;
  gateway = new GatewayProcess(
    {
      JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
      STORE_URL: `sqlite:${join(folder, `${String(number)}.db`)}`,
      ADEVENTSX_URL: destination.url,
      ADEVENTSX_API_KEY: 'key-1',
      RATE_LIMIT_PER_MINUTE: '10000000',
      ...more,
    },
    { nodeArguments: ['--require', hook] },
  );
  await gateway.start();
}

async function withStore<T>(read: (store: EventStore) => Promise<T>): Promise<T> {
  const path = join(folder, `${String(number)}.db`);
  const store = await openVerifiable({ path });
  try {
    return await read(store);
  } finally {
    await store.upkeep.close();
  }
}

/** Asks over a new connection each time whether it is ready, until nobody listens. */
async function readinessUntilGone(url: string): Promise<number[]> {
  const statuses: number[] = [];
  try {
    for (;;) {
      const client = new EventClient();
      client.url = url;
      statuses.push((await client.get('/ready', { Connection: 'close' })).status);
    }
  } catch {
    return statuses;
  }
}

/** Every client goes on posting over its kept-alive connection while the process is told to end; none may be cut off. */
async function endUnderLoad(signal: NodeJS.Signals): Promise<{ code: number | null; clients: EventClient[] }> {
  // Slow enough that there are always attempts in flight.
  destination.answering = (_call, _body, response) => {
    setTimeout(() => {
      response.writeHead(accepted.status, { 'content-type': 'application/json' });
      response.end(accepted.body);
    }, 100);
    return null;
  };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => new EventClient().connect(gateway.url)));
  const load = clients.map((client) => client.postUntilGone());
  await Promise.all(clients.map((client) => client.untilAccepted(10)));
  const readiness = readinessUntilGone(gateway.url);
  const waiting = new EventClient();
  await waiting.connect(gateway.url);
  const waited = waiting.postOne({ event_name: 'purchase' }, { Prefer: 'wait=30' });
  const began = performance.now();
  gateway.signal(signal);
  const code = await gateway.ended();
  expect(performance.now() - began).toBeLessThan(10_000);
  // Nobody was cut off: each connection ended with an answer that said so.
  expect(new Set(await Promise.all(load))).toEqual(new Set(['told to close']));
  await waited;
  expect(waiting.accepted.size).toBe(1);
  const statuses = await readiness;
  expect(statuses).toContain(503);
  expect(statuses.slice(statuses.indexOf(503))).not.toContain(200);
  for (const client of [...clients, waiting]) client.close();
  return { code, clients };
}

/** All that was accepted is stored, and of what was sent nothing is left open. */
async function expectAllRecorded(clients: readonly EventClient[]): Promise<void> {
  const sent = new Set(destination.calls.map(({ id }) => id));
  await withStore(async (store) => {
    expect(await faultsOf(store)).toEqual([]);
    for (const eventId of clients.flatMap((client) => [...client.accepted])) {
      const found = await store.events.find({ clientId: 'marketing-dashboard', eventId });
      expect(found?.status).toBe(sent.has(eventId) ? 'delivered' : 'pending');
    }
    const statuses = (await store.deliveries.countByStatus()).map(({ status }) => status);
    expect(statuses).not.toContain('delivering');
  });
  expect(destination.calls).toHaveLength(sent.size);
}

test('SIGTERM under load: not ready, everything in flight ends and is recorded, nobody is cut off, exit 0', async () => {
  await startGateway();
  const { code, clients } = await endUnderLoad('SIGTERM');
  expect(code).toBe(0);
  await expectAllRecorded(clients);
});

test('an uncaught error under load ends it the same way, with exit 1', async () => {
  await startGateway();
  const { code, clients } = await endUnderLoad('SIGUSR2');
  expect(code).toBe(1);
  expect(gateway.lines.find(({ msg }) => msg === 'gateway.uncaught')).toMatchObject({
    err: { message: 'injected by the test' },
  });
  await expectAllRecorded(clients);
});

test('an attempt that hangs is ended in time, recorded as a possible duplicate and due again', async () => {
  await startGateway({ SHUTDOWN_TIMEOUT_MS: '1000' });
  destination.answering = () => null;
  const client = await new EventClient().connect(gateway.url);
  await client.postOne();
  await destination.until(({ calls }) => calls.length === 1);
  const began = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - began).toBeLessThan(5_000);
  client.close();
  const [eventId = ''] = client.accepted;
  await withStore(async (store) => {
    const attempts = await store.events.attempts({ clientId: 'marketing-dashboard', eventId });
    expect(attempts).toMatchObject([{ outcome: 'retryable', error: 'shutdown', possibleDuplicate: 'shutdown' }]);
    expect((await store.events.find({ clientId: 'marketing-dashboard', eventId }))?.status).toBe('pending');
  });
});

test('a second SIGTERM ends it at once', async () => {
  await startGateway({ SHUTDOWN_TIMEOUT_MS: '60000', ATTEMPT_TIMEOUT_MS: '50000' });
  destination.answering = () => null;
  const client = await new EventClient().connect(gateway.url);
  await client.postOne();
  await destination.until(({ calls }) => calls.length === 1);
  gateway.signal('SIGTERM');
  await gateway.line('gateway.stopping');
  const began = performance.now();
  gateway.signal('SIGTERM');
  expect(await gateway.ended()).toBe(130);
  expect(performance.now() - began).toBeLessThan(2_000);
  client.close();
});
