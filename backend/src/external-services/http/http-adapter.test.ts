import { getEventListeners, once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

import axios, { AxiosHeaders, type AxiosInstance, isCancel } from 'axios';

import { axiosDefaults, createAgents, destroyAgents, type UpstreamAgents } from './axios-defaults';
import { httpAdapter } from './http-adapter';

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly socket: object;
}

let asked: Asked[];
let answer: (response: http.ServerResponse) => void;
let server: http.Server;
let agents: UpstreamAgents;
let client: AxiosInstance;
let url: string;

beforeEach(async () => {
  asked = [];
  answer = (response) => response.end('{}');
  server = http.createServer((request, response) => {
    const { method, url: path, headers, socket } = request;
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push({ method, url: path, headers, body: Buffer.concat(chunks).toString('latin1'), socket });
      answer(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  agents = createAgents(4);
  client = axios.create(axiosDefaults(agents));
});

afterEach(async () => {
  destroyAgents(agents);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('sends the bytes as they are, to the whole URL, with their length', async () => {
  const body = Buffer.from([0x7b, 0xff, 0x00, 0x7d]);
  await client.post(`${url}/a%20b?c=d&e`, body, { headers: { 'X-Api-Key': 'k', 'Content-Type': 'application/json' } });
  expect(asked).toMatchObject([{ method: 'POST', url: '/a%20b?c=d&e', body: body.toString('latin1') }]);
  const { host, connection, ...headers } = asked[0]?.headers ?? {};
  expect(headers).toEqual({
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-length': '4',
    'content-type': 'application/json',
    'user-agent': 'sluice',
    'x-api-key': 'k',
  });
  expect(url).toBe(`http://${String(host)}`);
  expect(connection).toBe('keep-alive');
});

it('reads the answer whole, whatever its status, and keeps the connection', async () => {
  answer = (response) => {
    response.writeHead(503, { 'Retry-After': '7' });
    response.write('{"a":');
    setImmediate(() => response.end('1}'));
  };
  const first = await client.get<Buffer>(url);
  const second = await client.get<Buffer>(url);
  expect([first.status, first.data.toString(), first.headers['retry-after']]).toEqual([503, '{"a":1}', '7']);
  expect(second.data).toEqual(first.data);
  expect(asked[1]?.socket).toBe(asked[0]?.socket);
});

it('does not follow a redirect', async () => {
  answer = (response) => response.writeHead(307, { Location: '/elsewhere' }).end();
  expect(await client.post<Buffer>(url, Buffer.from('{}'))).toMatchObject({ status: 307, data: Buffer.alloc(0) });
  expect(asked).toHaveLength(1);
});

it('ends with the signal, before the answer and within it, and closes the connection', async () => {
  for (const start of [undefined, '{"a":']) {
    const ended = new AbortController();
    let closed: Promise<unknown> = Promise.resolve();
    answer = (response) => {
      closed = once(response, 'close');
      if (start !== undefined) response.write(start);
      setImmediate(() => ended.abort('attempt_timeout'));
    };
    const error: unknown = await client.get(url, { signal: ended.signal }).catch((reason: unknown) => reason);
    expect(isCancel(error)).toBe(true);
    await closed;
  }
  expect(asked).toHaveLength(2);
});

it('sends nothing once the signal has aborted', async () => {
  const config = { url, headers: new AxiosHeaders(), signal: AbortSignal.abort('attempt_timeout') };
  expect(isCancel(await httpAdapter(config).catch((reason: unknown) => reason))).toBe(true);
  expect(asked).toHaveLength(0);
});

it('leaves no listener on the signal, however the call ended', async () => {
  const { signal } = new AbortController();
  await client.get(url, { signal });
  answer = (response) => response.destroy();
  await expect(client.get(url, { signal })).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('reads no more than the limit', async () => {
  answer = (response) => response.end(Buffer.alloc(101));
  const limited = (maxContentLength: number) => client.get<Buffer>(url, { maxContentLength });
  expect((await limited(101)).data).toHaveLength(101);
  await expect(limited(100)).rejects.toThrow('maxContentLength');
});

it('sends nothing but bytes', async () => {
  await expect(client.post(url, { a: 1 })).rejects.toThrow('only a Buffer can be sent');
  expect(asked).toHaveLength(0);
});

it('connects to an IPv6 address in brackets', async () => {
  const hosts: unknown[] = [];
  const transport = {
    request: (options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void) => {
      hosts.push(options.hostname);
      return http.request({ ...options, hostname: '127.0.0.1' }, onResponse);
    },
  };
  const { port } = server.address() as AddressInfo;
  await client.get(`http://[::1]:${String(port)}/`, { transport });
  expect(hosts).toEqual(['::1']);
});
