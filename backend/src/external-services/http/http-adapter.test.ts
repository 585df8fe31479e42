import { getEventListeners, once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';

import axios, { type AxiosError, AxiosHeaders, type AxiosInstance, isCancel } from 'axios';

import { selfSignedCertificate } from '../../../test/support/self-signed-certificate';
import { axiosDefaults, createAgents, destroyAgents, type UpstreamAgents } from './axios-defaults';
import { httpAdapter } from './http-adapter';
import type { Content } from './read-content';

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
  const first = await client.get<Content>(url);
  const second = await client.get<Content>(url);
  expect([first.status, first.data.body.toString(), first.headers['retry-after']]).toEqual([503, '{"a":1}', '7']);
  expect(second.data).toEqual(first.data);
  expect(asked[1]?.socket).toBe(asked[0]?.socket);
});

it('does not follow a redirect', async () => {
  answer = (response) => response.writeHead(307, { Location: '/elsewhere' }).end();
  expect(await client.post<Content>(url, Buffer.from('{}'))).toMatchObject({
    status: 307,
    data: { body: Buffer.alloc(0) },
  });
  expect(asked).toHaveLength(1);
});

it('ends with the signal, before the answer and within it, and closes the connection', async () => {
  for (const start of [undefined, '{"a":']) {
    const ended = new AbortController();
    let closed: Promise<unknown> = Promise.resolve();
    answer = (response) => {
      closed = once(response, 'close');
      if (start === undefined) ended.abort('attempt_timeout');
      else response.write(start);
    };
    const transport = {
      request: (options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void) =>
        http.request(options, (message) => {
          onResponse(message);
          message.once('data', () => ended.abort('attempt_timeout'));
        }),
    };
    const config = { signal: ended.signal, transport };
    const end: unknown = await client.get(url, config).catch((reason: unknown) => reason);
    expect(isCancel(end)).toBe(true);
    // What the status has said holds.
    const { response } = end as AxiosError;
    expect(response?.data).toEqual(start && { body: Buffer.alloc(0), fault: 'attempt_timeout', conversions: [] });
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
  const limited = async (maxContentLength: number) => (await client.get<Content>(url, { maxContentLength })).data;
  expect(await limited(101)).toMatchObject({ body: Buffer.alloc(101), fault: null });
  expect(await limited(100)).toMatchObject({ body: Buffer.alloc(0), fault: 'answer_too_large' });
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

describe('a kept connection that breaks before the first byte of an answer', () => {
  const listen = async (server: net.Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  /** Answers the first request of each connection; what it does with a second one is `then`. */
  const serveOnce = (then: (socket: net.Socket) => void) => (socket: net.Socket) => {
    let requests = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      asked.push({ method: '', url: '', headers: {}, body: '', socket });
      if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
      else then(socket);
    });
  };
  const breaking: [string, (socket: net.Socket) => void][] = [
    ['closed', (socket) => socket.destroy()],
    ['reset', (socket) => (socket instanceof tls.TLSSocket ? socket.destroy() : socket.resetAndDestroy())],
    ['ended', (socket) => socket.end()],
  ];

  describe.each(['http', 'https'])('over %s', (scheme) => {
    let single: UpstreamAgents;
    let raw: net.Server;
    let port: number;
    let repeats: number;
    const start = async (then: (socket: net.Socket) => void) => {
      raw =
        scheme === 'http'
          ? net.createServer(serveOnce(then))
          : tls.createServer(selfSignedCertificate(), serveOnce(then));
      port = await listen(raw);
      repeats = 0;
      single = createAgents(1);
      single.httpsAgent.options.rejectUnauthorized = false;
    };
    const call = (mayRepeat = true) =>
      axios.create(axiosDefaults(single)).post<Content>(`${scheme}://127.0.0.1:${String(port)}/`, Buffer.from('{}'), {
        onBrokenIdleSocket: () => {
          repeats += 1;
          return mayRepeat;
        },
      });
    afterEach(async () => {
      destroyAgents(single);
      await new Promise((resolve) => raw.close(resolve));
    });

    it.each(breaking)('is repeated at once on a fresh one where it was %s', async (_how, then) => {
      await start(then);
      await call();
      for (let round = 1; round <= 3; round += 1) {
        expect((await call()).data.body.toString()).toBe('{}');
        expect(repeats).toBe(round);
        // The fresh one is not kept, so that the next call finds an idle one only if one is made first.
        if (round < 3) await call();
      }
    });

    it('fails where the fresh one breaks too', async () => {
      await start((socket) => {
        socket.destroy();
        raw.removeAllListeners(scheme === 'http' ? 'connection' : 'secureConnection');
        raw.on(scheme === 'http' ? 'connection' : 'secureConnection', (fresh: net.Socket) => {
          fresh.on('error', () => undefined).on('data', () => fresh.destroy());
        });
      });
      await call();
      await expect(call()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
      expect(repeats).toBe(1);
    });

    it('is not repeated where that was not wanted, nor once a byte of the answer has come', async () => {
      await start((socket) => socket.destroy());
      await call();
      await expect(call(false)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
      expect(asked).toHaveLength(2);
      destroyAgents(single);
      await new Promise((resolve) => raw.close(resolve));
      await start((socket) => void socket.write('HTT', () => socket.end()));
      await call();
      await expect(call()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
      expect(repeats).toBe(0);
    });
  });

  it('is ours to close, before a receiver of Node does', async () => {
    const closed = new Promise<number>((resolve) => {
      server.once('connection', (socket: net.Socket) => {
        const openedAt = performance.now();
        socket.once('close', () => resolve(performance.now() - openedAt));
      });
    });
    server.keepAliveTimeout = 60_000;
    await client.get(url);
    expect(await closed).toBeLessThan(5_000);
    // That it was kept at all is what the other tests show.
  }, 15_000);
});
