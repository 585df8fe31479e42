import http from 'node:http';
import https from 'node:https';

import axios, { type AxiosInstance, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import type { UpstreamAnswer } from '../../interfaces/destination';
import { SendingWatch } from './sending-watch';

/** An answer larger than this is cut off and counts as unreadable. */
const ANSWER_MAX_BYTES = 2 * 1024 * 1024;

export interface UpstreamClientOptions {
  /** Sockets kept and opened at most. */
  readonly maxSockets: number;
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Ends the call, body included; its reason is a short code such as `attempt_timeout`. */
  readonly signal: AbortSignal;
}

/**
 * The one HTTP client for all upstreams: axios, with every default that surprised us spelled out. It follows no redirect, takes
 * no proxy from the environment, reads at most 2 MiB, judges no status, and never rejects.
 */
export class UpstreamClient {
  private readonly axios: AxiosInstance;
  private readonly agents: readonly [http.Agent, https.Agent];

  constructor({ maxSockets }: UpstreamClientOptions) {
    const agentOptions = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: 'lifo' as const };
    this.agents = [new http.Agent(agentOptions), new https.Agent(agentOptions)];
    this.axios = axios.create({
      httpAgent: this.agents[0],
      httpsAgent: this.agents[1],
      adapter: 'http',
      proxy: false,
      maxRedirects: 0,
      maxContentLength: ANSWER_MAX_BYTES,
      maxBodyLength: Infinity,
      responseType: 'arraybuffer',
      decompress: false,
      validateStatus: () => true,
      // The bytes that were stored are the bytes that are sent, and what arrives is read by us.
      transformRequest: (data: unknown) => data,
      transformResponse: (data: unknown) => data,
    });
    axiosRetry(this.axios, {
      // Only what broke before anything was sent: all other retries belong to the schedule in the store, where each is a recorded attempt.
      retries: 2,
      retryCondition: (error) => error.code !== 'ERR_CANCELED' && isBeforeSending(error.config?.transport),
      retryDelay: (count) => 25 * count,
      shouldResetTimeout: false,
      onRetry: () => undefined,
      onMaxRetryTimesExceeded: () => undefined,
    });
  }

  /** One call. Resolves with a failure where the network, the upstream or the signal ended it. */
  async call({ method, url, headers, body, signal }: UpstreamRequest): Promise<UpstreamAnswer> {
    const transport = new SendingWatch();
    try {
      const response = await this.axios.request<Buffer>({
        method,
        url,
        // axios would ask for a compressed answer, which nobody here unpacks.
        headers: { 'Accept-Encoding': 'identity', ...headers },
        data: body,
        signal,
        transport,
      });
      return { kind: 'response', status: response.status, headers: flatten(response.headers), body: response.data };
    } catch (error) {
      return {
        kind: 'failure',
        code: codeOf(error, signal, transport.hasHead),
        mayHaveBeenProcessed: transport.hasBegun,
      };
    }
  }

  close(): void {
    for (const agent of this.agents) agent.destroy();
  }
}

function isBeforeSending(transport: unknown): boolean {
  return transport instanceof SendingWatch && !transport.hasBegun;
}

function codeOf(error: unknown, signal: AbortSignal, hasHead: boolean): string {
  if (signal.aborted) return typeof signal.reason === 'string' ? signal.reason : 'aborted';
  if (!isAxiosError(error)) return 'client_error';
  if (error.message.includes('maxContentLength')) return 'answer_too_large';
  const cause = error.cause as { readonly code?: unknown } | undefined;
  const code = cause?.code ?? error.code;
  // What node's HTTP parser could make nothing of.
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'answer_garbled';
  if (hasHead) return 'answer_cut';
  return typeof code === 'string' ? code : 'network_error';
}

function flatten(headers: object): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') flat[name.toLowerCase()] = value;
  }
  return flat;
}
