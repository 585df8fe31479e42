import express from 'express';
import fc from 'fast-check';
import type { Request, Response } from 'express';

import { propertyRuns } from '../../test/support/property-runs';
import supertest from 'supertest';

import { PathTable, routeRequests } from './router';

const PATHS = [
  '/events',
  '/events/batch',
  '/events/user/:id',
  '/events/:id',
  '/events/:id/attempts',
  '/users/:id/summary',
  '/getEventsByUserId/:id',
];

const table = new PathTable<string>();
for (const path of PATHS) table.add(path, path);

describe('PathTable', () => {
  it.each([
    ['/events', '/events', {}],
    ['/EVENTS/', '/events', {}],
    ['/events/batch', '/events/batch', {}],
    ['/events/Batch2', '/events/:id', { id: 'Batch2' }],
    ['/events/user/attempts', '/events/user/:id', { id: 'attempts' }],
    ['/Users/A%2Fb%20c/Summary/', '/users/:id/summary', { id: 'A/b c' }],
  ])('finds at %s what stands for %s', (path, value, params) => {
    expect(table.find(path)).toEqual({ value, params });
  });

  it.each([
    '',
    '/',
    '*',
    'events',
    '/events//',
    '//events',
    '/events/a/b',
    '/users//summary',
    '/constructor',
    '/a/b/c/d/e',
  ])('finds nothing at %j', (path) => {
    expect(table.find(path)).toBeNull();
  });

  it('finds the root, and only at one slash', () => {
    const withRoot = new PathTable<string>();
    withRoot.add('/', 'root');
    expect(withRoot.find('/')).toEqual({ value: 'root', params: {} });
    expect(withRoot.find('//')).toBeNull();
  });

  it('throws URIError for a parameter whose percent-encoding is broken', () => {
    expect(() => table.find('/events/%E0%A4%A')).toThrow(URIError);
  });

  it('reads every path as Express does', () => {
    const router = express.Router();
    for (const path of PATHS) {
      router.all(path, (request, response) => {
        response.locals['found'] = { value: path, params: { ...request.params } };
      });
    }
    const expressFinds = (url: string): unknown => {
      const response = { locals: {} as { found?: unknown } };
      let thrown: unknown = null;
      router({ url, method: 'GET' } as Request, response as unknown as Response, (error: unknown) => {
        thrown = error;
      });
      return thrown instanceof URIError ? 'URIError' : (response.locals.found ?? null);
    };
    const weFind = (url: string): unknown => {
      try {
        return table.find(url);
      } catch (error) {
        return error instanceof URIError ? 'URIError' : error;
      }
    };
    const word = fc.constantFrom(
      'events',
      'Events',
      'users',
      'batch',
      'user',
      'summary',
      'attempts',
      'getEventsByUserId',
    );
    const odd = fc.constantFrom(
      '',
      ':id',
      '%',
      '%2F',
      '%zz',
      '.',
      '..',
      'a%20b',
      '%C3%A9',
      'x;y',
      '-',
      '~',
      "'",
      '(',
      '*',
    );
    const url = fc
      .tuple(fc.array(fc.oneof(word, word, odd), { maxLength: 5 }), fc.constantFrom('', '/', '//'))
      .map(([parts, end]) => `/${parts.join('/')}${end}`);
    fc.assert(
      fc.property(url, (path) => {
        expect(weFind(path)).toEqual(expressFinds(path));
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });
});

describe('routeRequests', () => {
  const app = express();
  app.use(
    routeRequests([
      {
        method: 'get',
        path: '/events/:id',
        always: [
          (_request, response, next) => {
            response.setHeader('x-always', 'yes');
            next();
          },
        ],
        handlers: [
          (request, response) => {
            response.json({ route: request.route as unknown, params: request.params });
          },
        ],
      },
    ]),
  );
  app.use((error: { code: string; headers: object }, _q: Request, response: Response, _n: express.NextFunction) => {
    response.status(400).json({ code: error.code, headers: error.headers, always: response.getHeader('x-always') });
  });

  it('tells which route a request is of, as instrumentation asks for it', async () => {
    const { body } = await supertest(app).get('/events/7');
    expect(body).toEqual({ route: { path: '/events/:id' }, params: { id: '7' } });
    expect((await supertest(app).head('/events/7')).status).toBe(200);
  });

  it.each(['%', 'a=%E0%A4%A', '__proto__=1'])('refuses the query %s, which no handler has asked for', async (query) => {
    expect((await supertest(app).get(`/events/7?${query}`)).status).toBe(400);
    expect((await supertest(app).get('/events/7?a=%20')).status).toBe(200);
  });

  it('refuses a path and a method that there is not', async () => {
    expect((await supertest(app).get('/nothing')).body).toMatchObject({ code: 'not_found' });
    const { body } = await supertest(app).post('/events/7');
    expect(body).toEqual({ code: 'method_not_allowed', headers: { Allow: 'GET, HEAD' }, always: 'yes' });
  });
});
