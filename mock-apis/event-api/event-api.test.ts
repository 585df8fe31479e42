import { createMockApis, type MockApis } from '../mock-apis';
import type { SettingsPatch } from '../settings-table';
import type { ExternalEvent, ExternalUser } from './event-data';

let apis: MockApis;
let url: string;

async function startWith(settings: SettingsPatch['eventApi'] = {}, seed = 1): Promise<void> {
  apis = createMockApis({ port: 0, seed, eventApi: settings });
  ({ url } = await apis.start());
}

afterEach(() => apis.stop());

const quick = { getEventByIdDelayMs: [0, 0], getEventsDropRate: 0, addEventFailDelayMs: [0, 0] } as const;

async function get(path: string): Promise<{ status: number; text: string; afterMs: number }> {
  const startedAt = performance.now();
  const answer = await fetch(url + path);
  return { status: answer.status, text: await answer.text(), afterMs: performance.now() - startedAt };
}

const getJson = async (path: string) => JSON.parse((await get(path)).text);

async function add(body: unknown) {
  const startedAt = performance.now();
  const answer = await fetch(`${url}/addEvent`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: JSON.parse(await answer.text()), afterMs: performance.now() - startedAt };
}

/**
 * The outcome of each of a number of `/getEvents` calls: its status, or that the connection was
 * dropped.
 */
async function outcomes(count: number, path = '/getEvents'): Promise<string[]> {
  const seen: string[] = [];
  for (let call = 0; call < count; call += 1) {
    seen.push(
      await get(path).then(
        ({ status }) => String(status),
        () => 'dropped',
      ),
    );
  }
  return seen;
}

describe('the reads', () => {
  it('know three users and four events that belong together', async () => {
    await startWith(quick);
    const users = await getJson('/getUsers');
    const events = await getJson('/getEvents');
    expect(users.map(({ id, events }: ExternalUser) => [id, events])).toEqual([
      ['1', ['event-1', 'event-2']],
      ['2', ['event-3']],
      ['3', ['event-4']],
    ]);
    expect(events.map(({ id, userId }: ExternalEvent) => [id, userId])).toEqual([
      ['event-1', '1'],
      ['event-2', '1'],
      ['event-3', '2'],
      ['event-4', '3'],
    ]);
    for (const { name } of [...users, ...events]) expect(name).toMatch(/^\w/);
    for (const user of users) expect(await getJson(`/getUserById/${user.id}`)).toEqual(user);
    for (const event of events) expect(await getJson(`/getEventById/${event.id}`)).toEqual(event);
  });

  it.each(['/getUserById/4', '/getUserById/constructor', '/getEventById/event-5', '/getEventById/1'])(
    'answer %s with 200 and an empty body',
    async (path) => {
      await startWith(quick);
      expect(await get(path)).toMatchObject({ status: 200, text: '' });
    },
  );

  it('take half a second for one event, by default and also for an unknown one', async () => {
    await startWith();
    const both = await Promise.all([get('/getEventById/event-1'), get('/getEventById/none')]);
    for (const { afterMs } of both) expect(afterMs).toBeGreaterThanOrEqual(499);
  });

  it('drop 5 % of the connections of /getEvents, the same ones for the same seed', async () => {
    await startWith({}, 3);
    const first = await outcomes(400);
    expect(new Set(first)).toEqual(new Set(['200', 'dropped']));
    expect(first.filter((outcome) => outcome === 'dropped').length / 400).toBeCloseTo(0.05, 1.5);
    apis.reset();
    await get('/getUsers');
    expect(await outcomes(100)).toEqual(first.slice(0, 100));
    expect((await outcomes(40, '/getUsers')).filter((outcome) => outcome !== '200')).toEqual([]);
  });

  it('fail as often and as they are set to', async () => {
    await startWith({ ...quick, failRate: 0.5, failStatuses: [500, 504] });
    for (const path of ['/getUsers', '/getUserById/1', '/getEvents', '/getEventById/event-1']) {
      expect(new Set(await outcomes(30, path))).toEqual(new Set(['200', '500', '504']));
    }
  });

  it.each([
    ['getUsersDelayMs', '/getUsers'],
    ['getUserByIdDelayMs', '/getUserById/1'],
    ['getEventsDelayMs', '/getEvents'],
    ['getEventByIdDelayMs', '/getEventById/event-1'],
  ])('take as long as %s says', async (key, path) => {
    await startWith({ ...quick, [key]: [60, 60] });
    expect((await get(path)).afterMs).toBeGreaterThanOrEqual(59);
  });

  it('hang when set to', async () => {
    await startWith({ ...quick, hangRate: 1 });
    const control = new AbortController();
    const hanging = fetch(`${url}/getUsers`, { signal: control.signal });
    while (apis.counters().eventApi['getUsers']?.inFlight !== 1) await new Promise(setImmediate);
    expect((await add({ id: 'a', name: 'b', userId: '1' })).status).toBe(200);
    control.abort();
    await expect(hanging).rejects.toThrow('abort');
  });
});

describe('POST /addEvent', () => {
  const event = (id: string): object => ({ id, name: 'signup', userId: '1', plan: 'pro' });

  it('succeeds five times, then fails ten times after 100 ms, and so on', async () => {
    await startWith();
    const answers = [];
    for (let call = 0; call < 22; call += 1) answers.push(await add(event(`e${call}`)));
    const expected = Array.from({ length: 22 }, (_, call) => (call % 15 < 5 ? 200 : 503));
    expect(answers.map(({ status }) => status)).toEqual(expected);
    for (const { status, body, afterMs } of answers) {
      expect(body.success).toBe(status === 200);
      expect(afterMs).toBeGreaterThanOrEqual(status === 503 ? 99 : 0);
    }
    expect(apis.settings().eventApi.addEventDelayMs).toEqual([0, 0]);
    expect(answers[0]?.body).toEqual({ success: true, id: 'e0', received_at: expect.stringMatching(/Z$/) });
    expect(answers[5]?.body).toEqual({ success: false, error: 'service_unavailable', message: expect.any(String) });
    const received = await getJson('/_received/addEvent');
    const accepted = ['e0', 'e1', 'e2', 'e3', 'e4', 'e15', 'e16', 'e17', 'e18', 'e19'];
    expect(received).toMatchObject({ calls: 22, accepted: 10, refused: 12, ids: accepted });
    expect(received.received[0]).toEqual({ ...event('e0'), received_at: expect.any(String) });
  });

  it('takes its numbers and its statuses from the settings, and starts again once forgotten', async () => {
    const settings = { addEventSuccesses: 1, addEventFailures: 2, addEventFailStatuses: [500] };
    await startWith({ ...quick, ...settings });
    const statuses = async (): Promise<number[]> => {
      const seen = [];
      for (let call = 0; call < 2; call += 1) seen.push((await add(event(`e${call}`))).status);
      return seen;
    };
    expect(await statuses()).toEqual([200, 500]);
    expect((await fetch(`${url}/_received/addEvent`, { method: 'DELETE' })).status).toBe(204);
    expect(await getJson('/_received/addEvent')).toMatchObject({ calls: 0, accepted: 0, refused: 0, received: [] });
    expect(await statuses()).toEqual([200, 500]);
  });

  it.each([
    ['no object', '[]', 'JSON object'],
    ['no id', { name: 'a', userId: '1' }, 'id must be'],
    ['an empty name', { id: 'a', name: '', userId: '1' }, 'name must be'],
    ['a user id that is a number', { id: 'a', name: 'b', userId: 1 }, 'userId must be'],
  ])('refuses %s', async (_what, body, expected) => {
    await startWith(quick);
    const answer = await add(body);
    expect(answer.status).toBe(400);
    const message = expect.stringContaining(expected);
    expect(answer.body).toEqual({ success: false, error: 'invalid_event', message });
    expect(apis.addEvents()).toMatchObject({ calls: 1, accepted: 0, refused: 1 });
  });

  it('refuses what is no JSON, and what is too large', async () => {
    await startWith(quick);
    expect(await add('{"id":')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await add({ ...event('a'), text: 'x'.repeat(102_400) })).toMatchObject({ status: 413 });
  });

  it('remembers only the newest', async () => {
    await startWith({ ...quick, remember: 2 });
    for (const id of ['a', 'b', 'c']) await add(event(id));
    expect(await getJson('/_received/addEvent')).toMatchObject({ accepted: 3, ids: ['b', 'c'] });
  });

  it.each([true, false])('shows what it took in the reads: %s', async (addEventIsVisible) => {
    await startWith({ ...quick, addEventIsVisible });
    await add(event('new'));
    const [user] = await getJson('/getUsers');
    expect(user.events.includes('new')).toBe(addEventIsVisible);
    expect((await getJson('/getEvents')).some(({ id }: ExternalEvent) => id === 'new')).toBe(addEventIsVisible);
    expect((await get('/getEventById/new')).text !== '').toBe(addEventIsVisible);
  });
});
