import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

import { ForwardProxy } from '../../../test/support/forward-proxy';
import { selfSignedCertificate } from '../../../test/support/self-signed-certificate';
import type { UpstreamAgents } from './axios-defaults';
import { isBypassed, isProxyFailure, type OutboundProxy } from './outbound-proxy';
import { agentsFor } from './upstream-agents';
import { UpstreamClient } from './upstream-client';

const AUTHORIZATION = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
const certificate = selfSignedCertificate('upstream.test');

interface Received {
  readonly url: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

let proxy: ForwardProxy;
let received: Received[];
let status: number;
const opened: (() => unknown)[] = [];

beforeEach(async () => {
  received = [];
  status = 200;
  proxy = await new ForwardProxy().start();
  opened.push(() => proxy.stop());
});

afterEach(async () => {
  for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close();
});

/** An upstream behind the proxy, which knows it as `upstream.test`. Gives its port. */
async function upstream(isTls: boolean): Promise<number> {
  const answer: http.RequestListener = (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      received.push({ url: request.url, headers: request.headers, body });
      response.writeHead(status).end('{}');
    });
  };
  const server = isTls ? https.createServer(certificate, answer) : http.createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

function location(more: Partial<OutboundProxy> = {}): OutboundProxy {
  const { port } = proxy;
  return { protocol: 'http:', hostname: '127.0.0.1', port, authorization: AUTHORIZATION, bypass: [], ...more };
}

type ClientParts = Partial<OutboundProxy> & { readonly publicOnly?: boolean; readonly trusted?: string };

function clientOf(url: string, { publicOnly = false, trusted, ...more }: ClientParts = {}): UpstreamClient {
  const agents: UpstreamAgents = agentsFor(url, { maxSockets: 2, proxy: location(more), publicOnly });
  if (trusted !== undefined) agents.httpsAgent.options.ca = trusted;
  const client = new UpstreamClient({ maxSockets: 2, agents });
  opened.push(() => client.close());
  return client;
}

const call = (url: string, parts: ClientParts = {}, client = clientOf(url, parts)) =>
  client.call({
    method: 'POST',
    url,
    headers: { 'X-Api-Key': 'k' },
    body: Buffer.from('{"a":1}'),
    signal: AbortSignal.timeout(20_000),
  });

describe('http through a proxy', () => {
  it('names the whole URL to the proxy, and the proxy its credentials alone', async () => {
    const url = `http://upstream.test:${String(await upstream(false))}/v1/conversions?a=1`;
    expect(await call(url)).toMatchObject({ kind: 'response', status: 200 });
    expect(proxy.requests).toEqual([{ line: `POST ${url}`, authorization: AUTHORIZATION }]);
    expect(received).toMatchObject([
      { url: '/v1/conversions?a=1', body: '{"a":1}', headers: { host: new URL(url).host } },
    ]);
    expect(received[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('takes the refusal of the proxy for what it is: nothing reached the upstream', async () => {
    const url = `http://upstream.test:${String(await upstream(false))}/`;
    proxy.status = 407;
    expect(await call(url)).toEqual({ kind: 'failure', code: 'proxy_http_407', mayHaveBeenProcessed: false });
    expect(proxy.requests).toHaveLength(1);
  });
});

describe('https through a proxy', () => {
  it('goes through a tunnel, verified, which is kept for the next call', async () => {
    const port = String(await upstream(true));
    const url = `https://upstream.test:${port}/v1?a=1`;
    const client = clientOf(url, { trusted: certificate.cert });
    expect(await call(url, {}, client)).toMatchObject({ kind: 'response', status: 200 });
    expect(await call(url, {}, client)).toMatchObject({ kind: 'response', status: 200 });
    expect(proxy.requests).toEqual([{ line: `CONNECT upstream.test:${port}`, authorization: AUTHORIZATION }]);
    expect(received).toMatchObject([{ url: '/v1?a=1', body: '{"a":1}' }, { url: '/v1?a=1' }]);
    expect(received[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('leaves an answer of the upstream to the upstream', async () => {
    status = 407;
    const url = `https://upstream.test:${String(await upstream(true))}/`;
    expect(await call(url, { trusted: certificate.cert })).toMatchObject({ kind: 'response', status: 407 });
  });

  it.each([
    ['a certificate that nobody vouches for', 'upstream.test', undefined, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['the certificate of another', 'other.test', certificate.cert, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('refuses %s, and has sent nothing', async (_what, host, trusted, code) => {
    const url = `https://${host}:${String(await upstream(true))}/`;
    const parts = trusted === undefined ? {} : { trusted };
    expect(await call(url, parts)).toEqual({ kind: 'failure', code, mayHaveBeenProcessed: false });
    expect(received).toEqual([]);
  });

  it.each([407, 403, 502, 503])('says that the proxy answered %s, and that nothing was sent', async (refusal) => {
    proxy.status = refusal;
    const answer = await call('https://upstream.test/');
    expect(answer).toEqual({
      kind: 'failure',
      code: `proxy_http_${String(refusal)}`,
      mayHaveBeenProcessed: false,
    });
    // One attempt asks the proxy once: what it refuses now it refuses in 25 ms.
    expect(proxy.requests).toHaveLength(1);
  });

  it('says so when the proxy hangs up', async () => {
    proxy.status = null;
    const failure = { kind: 'failure', code: 'proxy_unreachable', mayHaveBeenProcessed: false };
    expect(await call('https://upstream.test/')).toEqual(failure);
  });
});

describe('the proxy itself', () => {
  it.each(['http', 'https'])('is named where it cannot be reached, for %s', async (scheme) => {
    const answer = await call(`${scheme}://upstream.test/`, { port: 1 });
    expect(answer).toEqual({ kind: 'failure', code: 'proxy_unreachable', mayHaveBeenProcessed: false });
  });

  it.each(['http', 'https'])('must have a certificate where its URL says https, for %s', async (scheme) => {
    const secure = await new ForwardProxy(certificate).start();
    opened.push(() => secure.stop());
    const answer = await call(`${scheme}://upstream.test/`, { protocol: 'https:', port: secure.port });
    expect(answer).toEqual({ kind: 'failure', code: 'proxy_unreachable', mayHaveBeenProcessed: false });
    expect(secure.requests).toEqual([]);
  });
});

describe('a destination at public addresses only', () => {
  it.each(['http://10.0.0.1/', 'https://10.0.0.1/', 'https://[fd00::1]/', 'http://2130706434/'])(
    'is not asked of the proxy at %s',
    async (url) => {
      const refused = { kind: 'failure', code: 'address_refused', mayHaveBeenProcessed: false };
      expect(await call(url, { publicOnly: true })).toMatchObject(refused);
      expect(proxy.requests).toEqual([]);
    },
  );

  it('is asked of the proxy where our own look-up knows no address', async () => {
    const url = `http://upstream.test:${String(await upstream(false))}/`;
    expect(await call(url, { publicOnly: true })).toMatchObject({ kind: 'response' });
  });
});

describe('NO_PROXY', () => {
  it.each([
    ['http://example.com/', 'example.com', true],
    ['http://a.example.com/', 'example.com', true],
    ['http://A.Example.COM./', 'EXAMPLE.com', true],
    ['http://a.example.com/', '.example.com', true],
    ['http://a.example.com/', '*.example.com', true],
    ['http://notexample.com/', 'example.com', false],
    ['http://example.com.evil.test/', 'example.com', false],
    ['https://example.com/', 'example.com:443', true],
    ['https://example.com:8443/', 'example.com:443', false],
    ['http://example.com/', '*', true],
    ['http://10.1.2.3/', '10.0.0.0/8', true],
    ['http://11.1.2.3/', '10.0.0.0/8', false],
    ['http://10.1.2.3/', '10.1.2.3', true],
    ['http://10.1.2.3:8080/', '10.1.2.3:80', false],
    ['http://10.1.2.3/', '10.1.2.3/99', false],
    ['http://[fd00::5]/', 'fd00::/8', true],
    ['http://[fd00::5]/', 'fd00::5', true],
    ['http://[fd00::5]:81/', '[fd00::5]:81', true],
    ['http://[fd00::5]/', '[fd00::5]:81', false],
    ['http://ten.example/', '10.0.0.0/8', false],
    ['http://example.com/', 'http://example.com', false],
    ['http://example.com/', '.', false],
    ['http://localhost:3001/', 'x', true],
    ['http://api.localhost/', 'x', true],
    ['http://127.9.9.9/', 'x', true],
    ['http://[::1]/', 'x', true],
  ])('%s with %s: %s', (url, entry, expected) => {
    expect(isBypassed(url, [entry])).toBe(expected);
    expect(isBypassed(url, ['unrelated.test', entry])).toBe(expected);
  });

  it('is called directly, with the checks of a direct call', async () => {
    const url = `http://127.0.0.1:${String(await upstream(false))}/`;
    expect(await call(url)).toMatchObject({ kind: 'response', status: 200 });
    expect(await call(url, { publicOnly: true })).toMatchObject({ code: 'address_refused' });
    expect(proxy.requests).toEqual([]);
  });
});

it('tells the failures of a proxy from all others', () => {
  expect(['proxy_http_407', 'proxy_unreachable', 'ECONNRESET', 'proxy', null].map(isProxyFailure)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
