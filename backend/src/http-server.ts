import http, { type RequestListener, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';

import type { Runtime } from './interfaces/runtime';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly runtime: Runtime;
  /** After this the connections that still are in use are cut. */
  readonly stopTimeoutMs: number;
}

/** Idle keep-alive connections get this long to bring one more request, which is answered with `Connection: close`, before they are closed under the client. */
const IDLE_GRACE_MS = 300;

/** Listens, and stops without cutting anyone off: no new connections, every answer from then on closes its own, idle ones go last. */
export class HttpServer {
  private readonly server: http.Server;
  private readonly open = new Set<ServerResponse>();
  private isStopping = false;

  constructor(
    listener: RequestListener,
    private readonly options: HttpServerOptions,
  ) {
    this.server = http.createServer(
      { keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 0 },
      (request, response) => {
        if (this.isStopping) response.setHeader('Connection', 'close');
        this.open.add(response);
        response.once('close', () => this.open.delete(response));
        listener(request, response);
      },
    );
  }

  /** Resolves with the port once connections are taken. Rejects with node's error (`EADDRINUSE`, `EACCES`). */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port, this.options.host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.isStopping = true;
    for (const response of this.open) if (!response.headersSent) response.setHeader('Connection', 'close');
    const { runtime, stopTimeoutMs } = this.options;
    // http.Server.close would close idle connections at once, and a request that is on its way over one would be reset.
    const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(this.server, () => resolve()));
    const cancelIdle = runtime.after(IDLE_GRACE_MS, () => this.server.closeIdleConnections());
    const cancelAll = runtime.after(stopTimeoutMs, () => this.server.closeAllConnections());
    await closed;
    cancelIdle();
    cancelAll();
  }
}
