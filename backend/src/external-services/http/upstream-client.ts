import http from 'node:http';
import https from 'node:https';

import axios, { type AxiosInstance, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import type { UpstreamAnswer } from '../../interfaces/destination';

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

/** Codes of node:net, node:dns and node:tls that are raised before a byte of the request has left. */
const NOTHING_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EMFILE',
  'EPROTO',
]);

/** Certificate faults and handshakes that fail have many names; all of them come before the request. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

interface NodeError {
  readonly code?: unknown;
  readonly syscall?: unknown;
}

/** Whether the error proves that the request never reached the upstream. */
export function isBeforeSending(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const cause = isAxiosError(error) && error.cause ? (error.cause as NodeError) : (error as NodeError);
  const code = typeof cause.code === 'string' ? cause.code : '';
  return NOTHING_SENT.has(code) || TLS_CODE.test(code) || cause.syscall === 'connect';
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
      retryCondition: isBeforeSending,
      retryDelay: (count) => 25 * count,
      shouldResetTimeout: false,
      validateResponse: () => true,
      onRetry: () => undefined,
      onMaxRetryTimesExceeded: () => undefined,
    });
  }

  /** One call. Resolves with a failure where the network, the upstream or the signal ended it. */
  async call({ method, url, headers, body, signal }: UpstreamRequest): Promise<UpstreamAnswer> {
    try {
      const response = await this.axios.request<Buffer>({ method, url, headers, data: body, signal });
      return { kind: 'response', status: response.status, headers: flatten(response.headers), body: response.data };
    } catch (error) {
      return { kind: 'failure', code: codeOf(error, signal), mayHaveBeenProcessed: !isBeforeSending(error) };
    }
  }

  close(): void {
    for (const agent of this.agents) agent.destroy();
  }
}

function codeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return typeof signal.reason === 'string' ? signal.reason : 'aborted';
  if (!isAxiosError(error)) return 'client_error';
  // axios tells both an answer over maxContentLength and one that was cut off as ERR_BAD_RESPONSE.
  if (error.message.includes('maxContentLength')) return 'answer_too_large';
  if (error.message.includes('aborted')) return 'answer_cut';
  const cause = error.cause as NodeError | undefined;
  const code = cause?.code ?? error.code;
  return typeof code === 'string' ? code : 'network_error';
}

function flatten(headers: object): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') flat[name.toLowerCase()] = value;
  }
  return flat;
}
