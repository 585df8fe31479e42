import supertest from 'supertest';

import { purchase, TestGateway } from '../support/test-gateway';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const PUBLIC_URL = 'https://example.com/sluice';

/** Where a browser goes from a page when it follows a link. */
const followed = (page: string, link: string): string => new URL(link, `https://example.com${page}`).pathname;

describe('without PUBLIC_URL', () => {
  const gateway = new TestGateway();
  beforeAll(() => gateway.start());
  afterAll(() => gateway.dispose());

  it('names the service, its version and its entry points at the root, to anybody', async () => {
    const response = await supertest(gateway.url).get('/').expect(200);
    expect(response.body).toMatchObject({ name: 'sluice', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    expect(response.headers['vary']).toContain('Accept');
    const { links } = response.body as { links: Record<string, string> };
    expect(links).toMatchObject({ documentation: '/docs', events: '/events', token: '/auth' });
    for (const path of Object.values(links)) {
      const { status } = await supertest(gateway.url).get(path);
      expect([200, 401, 405]).toContain(status);
    }
  });

  it('leads a browser from the root to the page for people, below any prefix', async () => {
    const { headers } = await supertest(gateway.url).get('/').set('Accept', BROWSER).expect(302);
    expect(followed('/', headers['location'] ?? '')).toBe('/docs');
    expect(followed('/sluice/', headers['location'] ?? '')).toBe('/sluice/docs');
  });

  it.each(['/docs', '/sluice/docs'])('finds what %s links to beside it', async (page) => {
    const { text } = await supertest(gateway.url).get('/docs').expect(200);
    const links = [...text.matchAll(/href="([^"#]+)"/g)].map(([, link = '']) => followed(page, link));
    const prefix = page.replace(/\/docs$/, '');
    expect(links).toEqual([`${prefix}/docs/style.css`, `${prefix}/openapi.json`]);
  });

  it('leads from /docs/ to /docs, where the links of the page hold', async () => {
    const { headers } = await supertest(gateway.url).get('/docs/').expect(302);
    expect(followed('/sluice/docs/', headers['location'] ?? '')).toBe('/sluice/docs');
  });
});

describe('PUBLIC_URL', () => {
  const gateway = new TestGateway({ PUBLIC_URL: `${PUBLIC_URL}/` });
  beforeAll(() => gateway.start());
  afterAll(() => gateway.dispose());

  it('begins the Location of an event', async () => {
    const response = await gateway.post('/events', purchase());
    const { event_id: id } = response.body as { event_id: string };
    expect(response.headers['location']).toBe(`${PUBLIC_URL}/events/${id}`);
  });

  it('begins the link to the next page, which answers behind it', async () => {
    await gateway.post('/events', purchase({ user_id: 'paged' }));
    await gateway.post('/events', purchase({ user_id: 'paged' }));
    for (const path of ['/events/user/paged?limit=1', '/events?limit=1&user_id=paged']) {
      const { headers } = await gateway.get(path);
      const [, next = ''] = /^<(.*)>; rel="next"$/.exec(headers['link'] ?? '') ?? [];
      expect(next).toContain(`${PUBLIC_URL}${path.split('?')[0]}?`);
      expect((await gateway.get(next.slice(PUBLIC_URL.length))).body).toMatchObject({ data: [{ user_id: 'paged' }] });
    }
  });

  it('begins the link from an older route to its successor, in refusals too', async () => {
    const successor = `<${PUBLIC_URL}/users/user%201/points>; rel="successor-version"`;
    expect((await gateway.get('/v1/users/events?user_id=user%201')).headers['link']).toBe(successor);
    const refused = await supertest(gateway.url).get('/v1/users/events?user_id=user%201').expect(401);
    expect(refused.headers['link']).toBe(successor);
    const wrongMethod = await supertest(gateway.url).put('/getUsers').expect(405);
    expect(wrongMethod.headers['link']).toBe(`<${PUBLIC_URL}/users>; rel="successor-version"`);
  });

  it('is the server of the OpenAPI document and of the examples, and begins the entry points', async () => {
    const { body: document } = await supertest(gateway.url).get('/openapi.json').expect(200);
    expect(document).toMatchObject({ servers: [{ url: PUBLIC_URL }] });
    const { text } = await supertest(gateway.url).get('/docs').expect(200);
    expect(text).toContain(`${PUBLIC_URL}/events`);
    expect(text).not.toContain('localhost:3000');
    const { body: root } = await supertest(gateway.url).get('/').expect(200);
    expect(root).toMatchObject({ links: { events: `${PUBLIC_URL}/events` } });
  });
});
