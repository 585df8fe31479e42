import { randomUUID } from 'node:crypto';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

const destination = new FakeDestination();
const gateway = new TestGateway({ ADEVENTSX_API_KEY: 'key-1', BACKLOG_MAX: '3' });

beforeAll(async () => {
  await destination.start();
  gateway.environment['ADEVENTSX_URL'] = destination.url;
  await gateway.start();
});

afterAll(async () => {
  await gateway.dispose();
  await destination.stop();
});

interface Batch {
  readonly accepted: number;
  readonly results: { readonly error?: { readonly code: string; readonly status: number } }[];
}

test('a full backlog is 503 with Retry-After, nothing is taken, and the same request later succeeds', async () => {
  const hanging: (() => void)[] = [];
  destination.answering = (_call, _body, response) => {
    hanging.push(() => response.writeHead(202, { 'content-type': 'application/json' }).end(accepted.body));
    return null;
  };
  const events = Array.from({ length: 5 }, () => purchase({ event_id: randomUUID() }));
  const partly = await gateway.post('/events/batch', { events });
  expect(partly.status).toBe(207);
  expect((partly.body as Batch).accepted).toBe(3);
  expect((partly.body as Batch).results.slice(3).map(({ error }) => [error?.status, error?.code])).toEqual([
    [503, 'backlog_full'],
    [503, 'backlog_full'],
  ]);

  const [, , , fourth, fifth] = events;
  for (const [path, body] of [
    ['/events', fourth],
    ['/events/batch', { events: [fourth, fifth] }],
  ] as const) {
    const refused = await gateway.post(path, body ?? {});
    expect([refused.status, (refused.body as { code: string }).code]).toEqual([503, 'backlog_full']);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  }
  expect((await gateway.post('/events', events[0] ?? {})).body).toMatchObject({ duplicate: true });

  destination.answering = () => accepted;
  await destination.until(() => hanging.length === 3);
  for (const answer of hanging) answer();
  for (const event of events.slice(0, 3)) await gateway.post('/events', event, { Prefer: 'wait=20' });
  expect((await gateway.post('/events/batch', { events })).body).toMatchObject({ accepted: 2, duplicates: 3 });
});
