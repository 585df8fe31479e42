import supertest from 'supertest';

import type { EventLoopDelay } from '../../src/interfaces/event-loop-delay';
import { createLogger } from '../../src/logger';
import { FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

/** An event loop that is as late as the test says. */
class StagedDelay implements EventLoopDelay {
  p99Ms = 0;
  private onWindow: (p99Ms: number) => void = () => undefined;
  start(onWindow: (p99Ms: number) => void): void {
    this.onWindow = onWindow;
  }
  stop(): void {
    this.onWindow = () => undefined;
  }
  windows(...p99s: number[]): void {
    for (const p99Ms of p99s) {
      this.p99Ms = p99Ms;
      this.onWindow(p99Ms);
    }
  }
}

const delay = new StagedDelay();
const facts: { fact: string; port?: number }[] = [];
const log = {
  ...createLogger('silent'),
  debug: () => undefined,
  info: (fields: object, fact: string) => facts.push({ ...fields, fact }),
  warn: () => undefined,
  error: () => undefined,
};
const upstream = new FakeDestination();
let gateway: TestGateway;

beforeAll(async () => {
  await upstream.start();
  gateway = new TestGateway(
    { METRICS_PORT: '0', ADEVENTSX_URL: upstream.url, ADEVENTSX_API_KEY: 'key' },
    { eventLoopDelay: delay, log },
  );
  await gateway.start();
});
afterAll(async () => {
  await gateway.dispose();
  await upstream.stop();
});

const metricsUrl = () => `http://127.0.0.1:${String(facts.find(({ fact }) => fact === 'metrics.listening')?.port)}`;
const valueOf = (text: string, series: string) =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );

test('what was accepted is delivered, dead or open, and each attempt is counted', async () => {
  for (let index = 0; index < 3; index += 1) {
    const event = purchase({ event_id: `00000000-0000-4000-8000-00000000000${String(index)}` });
    for (let again = 0; again < 2; again += 1) await gateway.post('/events', event, { Prefer: 'wait=10' });
  }
  const { status, text, headers } = await supertest(metricsUrl()).get('/metrics');
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(valueOf(text, 'sluice_events_total{result="accepted"}')).toBe(3);
  expect(valueOf(text, 'sluice_events_total{result="duplicate"}')).toBe(3);
  expect(valueOf(text, 'sluice_deliveries{destination="adeventsx",status="delivered"}')).toBe(3);
  expect(valueOf(text, 'sluice_attempts_total{destination="adeventsx",outcome="delivered"}')).toBe(3);
  expect(valueOf(text, 'sluice_circuit_state{upstream="adeventsx"}')).toBe(0);
  expect(valueOf(text, 'sluice_request_seconds_count{route="/events",method="POST",status="200"}')).toBe(6);
  expect(valueOf(text, 'sluice_commit_seconds_bucket{le="+Inf"}')).toBe(valueOf(text, 'sluice_commit_seconds_count'));
  expect(valueOf(text, 'sluice_store_up')).toBe(1);
});

test('the default series of Node are there, once', async () => {
  const { text } = await supertest(metricsUrl()).get('/metrics');
  for (const series of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_heap_size_used_bytes']) {
    expect(valueOf(text, series)).toBeGreaterThan(0);
    expect(text.split(`# TYPE ${series} `)).toHaveLength(2);
  }
});

test('METRICS_PORT serves nothing else; on the port of the API the scope is wanted', async () => {
  expect((await supertest(metricsUrl()).get('/events')).status).toBe(404);
  expect((await supertest(gateway.url).get('/metrics')).status).toBe(401);
  expect((await gateway.get('/metrics')).status).toBe(403);
  const token = await gateway.token('operator', 'operator-dev-secret');
  expect((await gateway.get('/metrics', token)).text).toContain('# TYPE sluice_request_seconds histogram');
});

/** Requests that stay open. */
async function openStreams(count: number): Promise<() => void> {
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${await gateway.token()}` };
  const open = () => fetch(`${gateway.url}/events/stream`, { headers, signal: leaving.signal });
  const streams = await Promise.all(Array.from({ length: count }, open));
  expect(streams.map(({ status }) => status)).toEqual(Array(count).fill(200));
  return () => leaving.abort();
}

test('while the event loop is late and many requests are open new work is refused, the probes are answered, and it ends by itself', async () => {
  delay.windows(250, 250);
  expect((await gateway.post('/events', purchase())).status).toBe(202);
  delay.windows(250);
  const fewOpen = await gateway.post('/events', purchase());
  expect(fewOpen.status).toBe(202);
  const closeStreams = await openStreams(64);
  const refused = await gateway.post('/events', purchase());
  expect([refused.status, (refused.body as { code: string }).code, refused.headers['retry-after']]).toEqual([
    503,
    'overloaded',
    '2',
  ]);
  for (const path of ['/health', '/ready']) expect((await supertest(gateway.url).get(path)).status).toBe(200);
  const { text } = await supertest(metricsUrl()).get('/metrics');
  expect(valueOf(text, 'sluice_event_loop_delay_seconds')).toBe(0.25);
  delay.windows(10);
  expect((await gateway.post('/events', purchase())).status).toBe(202);
  closeStreams();
});
