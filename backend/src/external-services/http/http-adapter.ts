/**
 * How axios sends in this program: node's HTTP as it is, the answer read whole into one Buffer. axios' own adapter makes the same call for
 * about three times the processor time, spent on what no upstream of ours is asked with: forms, proxies, redirects, progress.
 * Kept invariant: no redirect is followed, no proxy used but that of the agent, at most `maxContentLength` bytes are read and decoded, and a signal ends
 * the call at any moment of it. TLS is as the agent has it, which is verified.
 */
import http from 'node:http';
import https from 'node:https';

import { AxiosError, type AxiosResponse, CanceledError, type InternalAxiosRequestConfig } from 'axios';

import { ForwardingAgent } from './outbound-proxy';
import { type Content, readContent, unreadable } from './read-content';

declare module 'axios' {
  interface AxiosRequestConfig {
    /**
     * Called when a kept connection broke before the first byte of the answer. The call is then made once more, on a fresh connection,
     * unless this returns false.
     */
    onBrokenIdleSocket?: () => boolean;
  }
}

/** What makes the request: a module of node's, or who follows one. The `transport` of axios. */
export interface Transport {
  request(options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest;
}

/** Room for the heads that large cookies and policies make: Node's own limit is 16 KiB. */
const HEAD_MAX_BYTES = 64 * 1024;

/** In place of an answer: the kept connection was closed by the other side before it answered. */
const BROKEN_IDLE_SOCKET = Symbol('broken idle socket');

/**
 * An adapter of axios. Resolves also where the body breaks after a whole head: `data.fault` says so. Rejects with an AxiosError whose
 * `cause` is node's error, or with a CanceledError, which has the `response` if there was a head. Only a Buffer is sent; the URL is one of the settings, or one of
 * them with a path appended, and holds no user name.
 */
export async function httpAdapter(config: InternalAxiosRequestConfig): Promise<AxiosResponse<Content>> {
  const options = optionsOf(config);
  const answer = await exchange(config, options);
  if (answer !== BROKEN_IDLE_SOCKET) return answer;
  // The agent might give another idle socket, as old as the one that broke.
  const again = await exchange(config, { ...options, agent: withoutIdleSockets(options) });
  if (again === BROKEN_IDLE_SOCKET) throw new Error('a fresh socket cannot have been idle');
  return again;
}

/** An agent that connects as the given one does, and keeps nothing. */
function withoutIdleSockets(options: Options): http.Agent {
  const { agent } = options;
  const { Agent } = moduleOf(options);
  const createConnection = agent.createConnection.bind(agent);
  const { options: agentOptions } = agent as { readonly options?: https.AgentOptions };
  return Object.assign(new Agent({ ...agentOptions, keepAlive: false }), { createConnection });
}

type Options = https.RequestOptions & { readonly agent: http.Agent };

function exchange(
  config: InternalAxiosRequestConfig,
  options: Options,
): Promise<AxiosResponse<Content> | typeof BROKEN_IDLE_SOCKET> {
  return new Promise((resolve, reject) => {
    const { maxContentLength = Infinity } = config;
    const signal = config.signal as AbortSignal | undefined;
    if (signal?.aborted) return reject(new CanceledError(undefined, config));
    let head: http.IncomingMessage | null = null;
    let [bytesBefore, isOver] = [0, false];
    const settle = (answer: () => void): void => {
      if (isOver) return;
      isOver = true;
      signal?.removeEventListener('abort', abort);
      answer();
    };
    const end = (answer: () => void): void => {
      settle(answer);
      request.destroy();
    };
    const responseOf = (message: http.IncomingMessage, data: Content): AxiosResponse<Content> => {
      const { statusCode: status = 0, statusMessage: statusText = '', headers } = message;
      return { data, status, statusText, headers: headers as Record<string, string>, config, request };
    };
    /** A head alone is an answer: what its status says holds, however the body ends. */
    const breakOff = (error: NodeJS.ErrnoException): void =>
      end(() => {
        if (head !== null) resolve(responseOf(head, unreadable(faultOf(error))));
        else reject(AxiosError.from(error, undefined, config, request));
      });

    const request = transportOf(config, options).request(options, (message) => {
      const refusal = refusalOfProxy(config, options, message);
      if (refusal !== null) return breakOff(refusal);
      head = message;
      message.on('error', breakOff);
      collect(message, maxContentLength, (body) => {
        if (body === null) return end(() => resolve(responseOf(message, TOO_LARGE)));
        const content = Promise.resolve(readContent(body, message.headers));
        settle(() => resolve(content.then((data) => responseOf(message, data))));
      });
    });
    const abort = (): void =>
      end(() => {
        const error = new CanceledError(undefined, config, request);
        if (head !== null) error.response = responseOf(head, unreadable(reasonOf(signal?.reason)));
        reject(error);
      });
    signal?.addEventListener('abort', abort);
    request.once('socket', (socket) => (bytesBefore = socket.bytesRead));
    request.on('error', (error) => {
      // RFC 9112, 6.3: what follows a whole answer is dropped, and the connection with it.
      if (isOver || head?.complete === true) return;
      const isUnanswered = head === null && request.reusedSocket && request.socket?.bytesRead === bytesBefore;
      if (isUnanswered && config.onBrokenIdleSocket?.() !== false) return end(() => resolve(BROKEN_IDLE_SOCKET));
      breakOff(error);
    });
    request.end(config.data);
  });
}

/** An answer that can only come from the proxy between us and the upstream. */
function refusalOfProxy(
  config: InternalAxiosRequestConfig,
  { protocol }: Options,
  { statusCode }: http.IncomingMessage,
): Error | null {
  const agent: unknown = config.httpAgent;
  return protocol === 'http:' && agent instanceof ForwardingAgent ? agent.refusalIn(statusCode) : null;
}

const EMPTY = Buffer.alloc(0);
const TOO_LARGE = unreadable('answer_too_large');

/** Gives the body once it is whole, or null as soon as it is longer than `maxBytes`. */
function collect(message: http.IncomingMessage, maxBytes: number, done: (body: Buffer | null) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  message.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) done(null);
    else chunks.push(chunk);
  });
  message.on('end', () => {
    const [first = EMPTY] = chunks;
    done(chunks.length > 1 ? Buffer.concat(chunks, size) : first);
  });
}

function reasonOf(reason: unknown): string {
  return typeof reason === 'string' ? reason : 'aborted';
}

/** Why a body did not come whole. What node's parser could make nothing of has a code that begins with HPE. */
function faultOf({ code = '' }: NodeJS.ErrnoException): string {
  return code.startsWith('HPE_') ? 'answer_garbled' : 'answer_cut';
}

function moduleOf({ protocol }: https.RequestOptions): typeof http | typeof https {
  return protocol === 'https:' ? https : http;
}

function transportOf(config: InternalAxiosRequestConfig, options: https.RequestOptions): Transport {
  return (config.transport as Transport | undefined) ?? moduleOf(options);
}

function optionsOf(config: InternalAxiosRequestConfig): Options {
  const url = new URL((config.baseURL ?? '') + (config.url ?? ''));
  const { protocol, hostname, port, pathname, search } = url;
  const headers: http.OutgoingHttpHeaders = config.headers.toJSON();
  const body: unknown = config.data ?? null;
  if (Buffer.isBuffer(body)) headers['Content-Length'] = body.length;
  else if (body !== null) throw new TypeError('only a Buffer can be sent');
  const agent = (protocol === 'https:' ? config.httpsAgent : config.httpAgent) as https.Agent;
  const options = {
    protocol,
    // node wants an IPv6 address without its brackets.
    hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port,
    path: pathname + search,
    method: config.method?.toUpperCase(),
    headers,
    agent,
    maxHeaderSize: HEAD_MAX_BYTES,
    // Takes what RFC 9112 lets a recipient take: folded lines, a line feed alone, Content-Length beside chunks. A connection has one
    // sender and one request at a time, and what follows an answer ends it, so that nothing can be smuggled in.
    insecureHTTPParser: true,
  };
  return agent instanceof ForwardingAgent ? { ...options, ...agent.forward(options, url), agent } : options;
}
