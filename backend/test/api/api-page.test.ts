import { readFileSync } from 'node:fs';
import path from 'node:path';

import { TestGateway } from '../support/test-gateway';

const page = readFileSync(path.resolve(__dirname, '../../../docs/api.md'), 'utf8');
const gateway = new TestGateway();
let routes: string[];

beforeAll(async () => {
  await gateway.start();
  const answer = await fetch(`${gateway.url}/openapi.json`);
  const { paths } = (await answer.json()) as { paths: Record<string, object> };
  routes = Object.entries(paths).flatMap(([route, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${route}`),
  );
});

afterAll(() => gateway.dispose());

describe('docs/api.md', () => {
  const named = [...page.matchAll(/`((?:GET|POST) \/[^\s`?]*)/g)].map(([, route = '']) => route);

  it('names every route of the gateway', () => {
    expect(routes).toContain('POST /events');
    expect(routes.filter((route) => !named.includes(route))).toEqual([]);
  });

  it('names no route that the gateway does not have', () => {
    expect(named.filter((route) => !routes.includes(route))).toEqual([]);
  });
});
