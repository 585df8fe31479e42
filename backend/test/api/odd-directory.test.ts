import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { TestGateway } from '../support/test-gateway';

/** An external event API whose answers are odd: what it says of itself is not to be trusted. */

const users: Record<string, string> = {
  dots: JSON.stringify({ id: 'dots', name: 'A', events: ['event-1', '..', '.', '', 'a/b'] }),
  half: '{"id":"half","name":"A","events":["event-1","\\ud800"]}',
  many: JSON.stringify({ id: 'many', name: 'A', events: Array.from({ length: 1_500 }, (_, n) => `gone-${String(n)}`) }),
  none: JSON.stringify({ id: 'none', name: 'A' }),
  // As the systems of old had it.
  '7': JSON.stringify({ id: 7, name: 'A', events: [11, 'gone-12', null, 13] }),
};
/** Known only where a test has put it. */
let lists: Record<string, unknown> = {};
const paths: string[] = [];
const upstream = createServer((request: IncomingMessage, response: ServerResponse) => {
  const path = request.url ?? '';
  paths.push(path);
  const [, route = '', id = ''] = path.split('/').map(decodeURIComponent);
  if (lists[route] !== undefined) response.end(JSON.stringify(lists[route]));
  else if (route === 'getUserById') response.end(users[id] ?? '');
  else if (route !== 'getEventById') response.writeHead(404).end();
  else if (id.startsWith('gone')) response.end();
  else if (/^\d+$/.test(id)) response.end(JSON.stringify({ id: Number(id), name: 'n', userId: 7 }));
  else response.end(JSON.stringify({ id, name: 'n', userId: '1' }));
});
let gateway: TestGateway;

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`;
  gateway = await new TestGateway({ EVENT_API_URL: url, BATCH_DEADLINE_MS: '15000' }).start();
});
afterAll(async () => {
  await gateway.dispose();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

test('an id that would lead elsewhere in a path is not asked for, but named', async () => {
  const { status, body, headers } = await gateway.get('/getEventsByUserId/dots');
  expect([status, (body as { id: string }[]).map(({ id }) => id)]).toEqual([200, ['event-1', 'a/b']]);
  expect(headers['x-partial-failures']).toBe('.., .,');
  expect([...paths].sort()).toEqual(['/getEventById/a%2Fb', '/getEventById/event-1', '/getUserById/dots']);
});

test('an id with half a character costs only that event', async () => {
  const { status, body, headers } = await gateway.get('/getEventsByUserId/half');
  expect([status, body]).toEqual([200, [{ id: 'event-1', name: 'n', userId: '1' }]]);
  expect(headers['x-partial-failures']).toBe('%EF%BF%BD');
});

test('of very many failures as many are named as a client takes in a header, and the rest counted', async () => {
  const { status, body, headers } = await gateway.get('/getEventsByUserId/many');
  expect([status, body]).toEqual([200, []]);
  const names = String(headers['x-partial-failures']).split(', ');
  expect(names.join(', ').length).toBeLessThan(4_200);
  expect(names.slice(0, 2)).toEqual(['gone-0', 'gone-1']);
  expect(names.at(-1)).toBe(`+${String(1_500 - (names.length - 1))}`);
});

test('a user without a list of events has none', async () => {
  expect((await gateway.get('/users/none')).body).toEqual({ id: 'none', name: 'A', events: [] });
  expect((await gateway.get('/getEventsByUserId/none')).body).toEqual([]);
});

describe('a directory with numbers for ids', () => {
  /** A gateway of its own: nothing is cached yet, and nothing has failed. */
  let fresh: TestGateway;
  beforeEach(async () => {
    fresh = await new TestGateway(gateway.environment).start();
  });
  afterEach(async () => {
    lists = {};
    await fresh.dispose();
  });

  test('is followed, and its ids leave as text', async () => {
    expect((await fresh.get('/users/7')).body).toEqual({ id: '7', name: 'A', events: ['11', 'gone-12', '13'] });
    const { status, body, headers } = await fresh.get('/getEventsByUserId/7');
    const event = (id: string) => ({ id, name: 'n', userId: '7' });
    expect([status, body, headers['x-partial-failures']]).toEqual([200, [event('11'), event('13')], 'gone-12']);
    const metrics = (await fresh.get('/metrics', await fresh.token('operator', 'operator-dev-secret'))).text;
    expect(metrics).toContain('sluice_source_conversions_total{source="event-api.users",kind="element_left_out"} 1');
    expect(metrics).toContain('sluice_source_conversions_total{source="event-api.events",kind="number_to_text"} 4');
  });

  test('lists its users and events without those that cannot be used', async () => {
    lists = {
      getUsers: { data: [{ id: 1, name: 'A', events: [11] }, null] },
      getEvents: [{ id: 11, name: null, userId: 1 }, 'x', { name: 'no id' }],
    };
    const users = [{ id: '1', name: 'A', events: ['11'] }];
    expect((await fresh.get('/users')).body).toEqual(users);
    expect((await fresh.get('/getUsers')).body).toEqual(users);
    expect((await fresh.get('/getEvents')).body).toEqual([{ id: '11', name: null, userId: '1' }]);
  });
});

test.each(['/users', '/getUsers', '/getEvents'])('%s is unavailable where the API knows no such list', async (path) => {
  const { status, body } = await gateway.get(path);
  expect([status, (body as { code: string }).code]).toEqual([503, 'upstream_unavailable']);
});
