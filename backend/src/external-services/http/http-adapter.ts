/**
 * How axios sends in this program: node's HTTP as it is, the answer read whole into one Buffer. axios' own adapter makes the same call for
 * about three times the processor time, spent on what no upstream of ours is asked with: forms, proxies, redirects, decoding, progress.
 * Kept invariant: no redirect is followed, no proxy used but that of the agent, no byte changed, no more than `maxContentLength` bytes read, and a signal ends
 * the call at any moment of it. TLS is as the agent has it, which is verified.
 */
import http from 'node:http';
import https from 'node:https';

import { AxiosError, type AxiosResponse, CanceledError, type InternalAxiosRequestConfig } from 'axios';
import { ForwardingAgent } from './outbound-proxy';

/** What makes the request: a module of node's, or who follows one. The `transport` of axios. */
export interface Transport {
  request(options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest;
}

/**
 * An adapter of axios. Rejects with an AxiosError whose `cause` is node's error, or with a CanceledError. Only a Buffer is sent; the URL
 * is one of the settings, or one of them with a path appended, and holds no user name.
 */
export function httpAdapter(config: InternalAxiosRequestConfig): Promise<AxiosResponse<Buffer>> {
  return new Promise((resolve, reject) => {
    const { signal, maxContentLength = Infinity } = config;
    if (signal?.aborted) return reject(new CanceledError(undefined, config));
    const end = (): void => void signal?.removeEventListener?.('abort', abort);
    const fail = (error: Error): void => {
      end();
      reject(error);
      request.destroy();
    };
    const failWith = (error: Error): void => fail(AxiosError.from(error, undefined, config, request));

    const options = optionsOf(config);
    const request = transportOf(config, options).request(options, (message) => {
      const { statusCode: status = 0, statusMessage: statusText = '' } = message;
      const refusal = options.agent instanceof ForwardingAgent ? options.agent.refusalIn(status) : null;
      if (refusal !== null) return failWith(refusal);
      const chunks: Buffer[] = [];
      let size = 0;
      message.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxContentLength) return fail(tooLarge(config));
        chunks.push(chunk);
      });
      message.on('error', failWith);
      message.on('end', () => {
        end();
        const [first = EMPTY] = chunks;
        const data = chunks.length > 1 ? Buffer.concat(chunks, size) : first;
        const headers = message.headers as Record<string, string>;
        resolve({ data, status, statusText, headers, config, request });
      });
    });
    const abort = (): void => fail(new CanceledError(undefined, config, request));
    signal?.addEventListener?.('abort', abort);
    request.on('error', failWith);
    request.end(config.data);
  });
}

const EMPTY = Buffer.alloc(0);

function tooLarge(config: InternalAxiosRequestConfig): AxiosError {
  const { ERR_BAD_RESPONSE } = AxiosError;
  return new AxiosError(`maxContentLength of ${String(config.maxContentLength)} exceeded`, ERR_BAD_RESPONSE, config);
}

function transportOf(config: InternalAxiosRequestConfig, { protocol }: https.RequestOptions): Transport {
  return (config.transport as Transport | undefined) ?? (protocol === 'https:' ? https : http);
}

function optionsOf(config: InternalAxiosRequestConfig): https.RequestOptions {
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
  };
  return agent instanceof ForwardingAgent ? agent.forward(options, url) : options;
}
