import { randomUUID } from 'node:crypto';
import http, { type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { AppError, toProblem } from '../errors';
import type { Runtime } from '../interfaces/runtime';
import { holdBody, limitRest } from './rest-of-body';

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly runtime: Runtime;
  /** After this the connections that still are in use are cut. */
  readonly stopTimeoutMs: number;
  /** Many clients then share one address: it is not held to its share of the connections. */
  readonly isBehindProxy: boolean;
  /** The certificate chain and its key in PEM: HTTPS; null: plain HTTP. */
  readonly tls: TlsPair | null;
}

interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * In the first GRACE_MS of a stop the server goes on as before, but says `Connection: close` with
 * each answer. After that it listens no more, and closes the idle keep-alive connections: each had
 * the time to bring one more request.
 */
const GRACE_MS = 300;

/**
 * Requests that arrive in the last DEFER_MS are queued until the port is closed: the event loop
 * then has little more to do than to take connections, so that hardly one waits in the kernel's
 * queue, where the end of the port would reset it.
 */
const DEFER_MS = 60;

/** How long connections stay open for their last request when no new ones are taken any more. */
const LAST_REQUEST_MS = 200;

/** Open connections, in all and from one address: who opens more is cut off, the others are not. */
const SOCKETS_MAX = 10_000;
const SOCKETS_PER_ADDRESS_MAX = 2_500;

const HANDSHAKE_TIMEOUT_MS = 10_000;

const PROTOCOL = {
  keepAliveTimeout: 65_000,
  headersTimeout: 10_000,
  // A stream of events may take hours; http/read-body.ts limits all other bodies.
  requestTimeout: 0,
  // How often the timeout of headers is looked after: with node's default of 30 s they could take
  // 40.
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
  // Refused by us, in the form of every other error.
  requireHostHeader: false,
};

/**
 * Listens, and stops without cutting anyone off: every answer from then on closes its connection,
 * then no new ones, idle ones go last.
 */
export class HttpServer {
  private readonly server: http.Server | https.Server;
  private readonly open = new OpenAnswers();
  private readonly socketsOf = new Map<string, number>();
  private isStopping = false;
  /** The requests that begin once the port is closed; null while requests begin at once. */
  private deferred: (() => void)[] | null = null;

  constructor(
    listener: RequestListener,
    private readonly options: HttpServerOptions,
  ) {
    const answer: RequestListener = (request, response) => {
      if (this.isStopping) response.setHeader('Connection', 'close');
      const remove = this.open.add(response);
      response.on('close', () => {
        remove();
        if (!request.complete) limitRest(request);
      });
      if (this.deferred === null) listener(request, response);
      else this.deferred.push(() => listener(request, response));
    };
    this.server =
      options.tls === null
        ? http.createServer(PROTOCOL, answer)
        : https.createServer({ ...PROTOCOL, ...options.tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS }, answer);
    this.server.maxConnections = SOCKETS_MAX;
    this.server.on('connection', (socket: Socket) => this.countSocket(socket));
    this.server.on('clientError', answerProtocolError);
    // Left to itself node would answer these: at once, without a body, or by closing.
    this.server.on('checkContinue', (request, response) => {
      holdBody(request, response);
      answer(request, response);
    });
    this.server.on('checkExpectation', answer);
    this.server.on('connect', (_request, socket) => answerProtocolError(new Error('this is no proxy'), socket));
  }

  /** Requests that are not answered yet. */
  get openRequests(): number {
    return this.open.count;
  }

  /** Connections from now on get this certificate; those that there are go on. */
  replaceTls(pair: TlsPair): void {
    if (this.server instanceof https.Server) this.server.setSecureContext(pair);
  }

  /**
   * Resolves with the port once connections are taken. Rejects with node's error (`EADDRINUSE`,
   * `EACCES`).
   */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.options.port, this.options.host, () => {
        this.server.off('error', reject);
        resolve((this.server.address() as AddressInfo).port);
      });
    });
  }

  private countSocket(socket: Socket): void {
    const address = socket.remoteAddress;
    if (this.options.isBehindProxy || address === undefined) return;
    const count = (this.socketsOf.get(address) ?? 0) + 1;
    if (count > SOCKETS_PER_ADDRESS_MAX) {
      socket.destroy();
      return;
    }
    this.socketsOf.set(address, count);
    socket.once('close', () => {
      const left = (this.socketsOf.get(address) ?? 1) - 1;
      if (left === 0) this.socketsOf.delete(address);
      else this.socketsOf.set(address, left);
    });
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.isStopping = true;
    for (const response of this.open.all()) if (!response.headersSent) response.setHeader('Connection', 'close');
    const { runtime, stopTimeoutMs } = this.options;
    const cancelAll = runtime.after(stopTimeoutMs, () => this.server.closeAllConnections());
    // Still listening, so that whoever balances the load reads "not ready" and nobody is refused
    // before that.
    await runtime.sleep(Math.min(GRACE_MS, stopTimeoutMs));
    const begins: (() => void)[] = [];
    this.deferred = begins;
    await runtime.sleep(Math.min(DEFER_MS, stopTimeoutMs));
    await runtime.turn();
    const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(this.server, () => resolve()));
    this.deferred = null;
    for (const begin of begins) begin();
    // A connection that was taken last may not have brought its request yet, and would be reset if
    // it were closed as idle.
    await Promise.race([closed, runtime.sleep(Math.min(LAST_REQUEST_MS, stopTimeoutMs))]);
    this.server.closeIdleConnections();
    await closed;
    cancelAll();
  }
}

interface Entry {
  readonly response: ServerResponse;
  place: number;
}

/**
 * The answers that are not at their end yet. Kept invariant: each entry knows its place. An array
 * and not a Set: a Set that is added to and deleted from all the time leaves outgrown tables
 * behind, each of which refers to the next; once one of them has become old, everything that stood
 * in those after it, here whole requests, is kept until the next full collection. That took a third
 * of the processor's time.
 */
export class OpenAnswers {
  private readonly entries: Entry[] = [];

  get count(): number {
    return this.entries.length;
  }

  /** Returns the function that takes the answer away again, to be called once. */
  add(response: ServerResponse): () => void {
    const entry: Entry = { response, place: this.entries.length };
    this.entries.push(entry);
    return () => this.remove(entry);
  }

  all(): readonly ServerResponse[] {
    return this.entries.map(({ response }) => response);
  }

  /** The last one takes the place of the one that goes. */
  private remove(entry: Entry): void {
    const last = this.entries.pop();
    if (last === undefined || last === entry) return;
    this.entries[entry.place] = last;
    last.place = entry.place;
  }
}

interface ProtocolError extends Error {
  readonly code?: string;
}

/** Of a socket of node's HTTP server: the answer that it is in the middle of. */
interface ServerSocket extends Duplex {
  readonly _httpMessage?: { readonly headersSent: boolean } | null;
}

function protocolFault({ code }: ProtocolError): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new AppError('headers_too_large', 'The headers are larger than 16 KiB.');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new AppError('request_timeout', 'The headers were not here within 10 s.');
  }
  return new AppError('invalid_request', 'This is not HTTP/1.1 as RFC 9112 has it.');
}

/**
 * Answers what node's HTTP parser refuses, in the form of every other error, and ends the
 * connection. For the server's `clientError`.
 */
function answerProtocolError(error: ProtocolError, socket: ServerSocket): void {
  const isAnswered = socket._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswered) {
    socket.destroy();
    return;
  }
  const problem = toProblem(protocolFault(error), randomUUID());
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.instance}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
