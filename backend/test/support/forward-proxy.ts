import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** Which target a request named, in which form, and with which credentials. */
export interface ProxiedRequest {
  readonly line: string;
  readonly authorization: string | undefined;
}

/**
 * A small HTTP proxy on a real socket: CONNECT, and requests in the absolute form. Every name leads to 127.0.0.1, so that a test may
 * give its upstreams names that no resolver knows.
 */
export class ForwardProxy {
  readonly requests: ProxiedRequest[] = [];
  /** A status other than 200 refuses; null: the connection is closed without an answer. */
  status: number | null = 200;
  private readonly tunnels = new Set<Socket>();
  private readonly server: http.Server | https.Server;

  constructor(tls?: { readonly key: string; readonly cert: string }) {
    this.server = tls === undefined ? http.createServer() : https.createServer(tls);
    this.server.on('connect', (request: http.IncomingMessage, socket: Socket) => this.tunnel(request, socket));
    this.server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) =>
      this.forward(request, response),
    );
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    for (const socket of this.tunnels) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private note({ method = '', url = '', headers }: http.IncomingMessage): void {
    this.requests.push({ line: `${method} ${url}`, authorization: headers['proxy-authorization'] });
  }

  private tunnel(request: http.IncomingMessage, socket: Socket): void {
    this.note(request);
    this.tunnels.add(socket);
    socket.on('error', () => socket.destroy());
    if (this.status === null) return void socket.destroy();
    if (this.status !== 200) {
      return void socket.end(`HTTP/1.1 ${String(this.status)} Refused\r\nContent-Length: 2\r\n\r\nno`);
    }
    const upstream = connect(Number(request.url?.split(':').pop()), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(upstream).pipe(socket);
    });
    this.tunnels.add(upstream);
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  }

  private forward(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.note(request);
    if (this.status === null) return void request.socket.destroy();
    if (this.status !== 200) return void response.writeHead(this.status).end('no');
    const { port, pathname, search, host } = new URL(request.url ?? '');
    const { 'proxy-authorization': _own, ...headers } = request.headers;
    const options = { host: '127.0.0.1', port, path: pathname + search, method: request.method, agent: false };
    const upstream = http.request({ ...options, headers: { ...headers, host } }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  }
}
