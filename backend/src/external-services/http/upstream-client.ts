import http from 'node:http';
import https from 'node:https';
import type net from 'node:net';

import axios, { type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import { ADDRESS_REFUSED, type UpstreamAnswer } from '../../interfaces/destination';
import { axiosDefaults, createAgents, destroyAgents, failureCode, type UpstreamAgents } from './axios-defaults';
import type { Transport } from './http-adapter';
import { isProxyFailure } from './outbound-proxy';
import type { Content } from './read-content';

export interface UpstreamClientOptions {
  /** Sockets kept and opened at most. */
  readonly maxSockets: number;
  /** Whose agents connect; left out, to any address. */
  readonly agents?: UpstreamAgents;
  /** Called when a kept connection broke unanswered and the call is made once more on a fresh one. */
  readonly onRepeat?: () => void;
  /** Told what had to be converted of the form of an answer. */
  readonly onConversion?: (conversion: 'coding' | 'charset') => void;
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Ends the call, body included; its reason is a short code such as `attempt_timeout`. */
  readonly signal: AbortSignal;
  /** False: a call that may have arrived is never made again. Left out: it is, where a kept connection broke unanswered. */
  readonly isRepeatable?: boolean;
}

/** The one HTTP client for all destinations and sources: axios as axios-defaults.ts has it. It judges no status and never rejects. */
export class UpstreamClient {
  private readonly axios: AxiosInstance;
  private readonly agents: UpstreamAgents;

  constructor(private readonly options: UpstreamClientOptions) {
    this.agents = options.agents ?? createAgents(options.maxSockets);
    this.axios = axios.create(axiosDefaults(this.agents));
    axiosRetry(this.axios, {
      // Only what broke before anything was sent: all other retries are decided where attempts are counted.
      retries: 2,
      retryCondition: ({ code, config }) =>
        code !== 'ERR_CANCELED' &&
        code !== ADDRESS_REFUSED &&
        !isProxyFailure(code) &&
        isBeforeSending(config?.transport),
      retryDelay: (count) => 25 * count,
      shouldResetTimeout: false,
      onRetry: () => undefined,
      onMaxRetryTimesExceeded: () => undefined,
    });
  }

  /** One call. Resolves with a failure where the network, the upstream or the signal ended it. */
  async call({ method, url, headers, body, signal, isRepeatable = true }: UpstreamRequest): Promise<UpstreamAnswer> {
    const transport = new SendingWatch();
    const onBrokenIdleSocket = (): boolean => {
      if (isRepeatable) this.options.onRepeat?.();
      return isRepeatable;
    };
    try {
      const response = await this.axios.request<Content>({
        method,
        url,
        headers,
        data: body,
        signal,
        transport,
        onBrokenIdleSocket,
      });
      return this.toAnswer(response);
    } catch (error) {
      if (isAxiosError<Content>(error) && error.response !== undefined) return this.toAnswer(error.response);
      const code = failureCode(error, signal);
      return { kind: 'failure', code, mayHaveBeenProcessed: transport.hasBegun && !isProxyFailure(code) };
    }
  }

  private toAnswer({ status, headers, data }: AxiosResponse<Content>): UpstreamAnswer {
    const { body, fault, conversions } = data;
    for (const conversion of conversions) this.options.onConversion?.(conversion);
    const answer = { kind: 'response', status, headers: flatten(headers), body } as const;
    return fault === null ? answer : { ...answer, bodyFault: fault };
  }

  close(): void {
    destroyAgents(this.agents);
  }
}

function isBeforeSending(transport: unknown): boolean {
  return transport instanceof SendingWatch && !transport.hasBegun;
}

function flatten(headers: object): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string') flat[name.toLowerCase()] = value;
  }
  return flat;
}

/**
 * Follows one call down to its socket, as axios's `transport`, and so knows whether a byte of the request can have reached the
 * upstream. Errors do not tell: the same ECONNRESET comes from a TLS handshake that was dropped and from an answer that was lost.
 */
class SendingWatch implements Transport {
  /** True from the moment on which the request may have left: its connection, and TLS upon it, stood. */
  hasBegun = false;

  request(options: https.RequestOptions, onResponse: (response: http.IncomingMessage) => void): http.ClientRequest {
    const isTls = options.protocol === 'https:';
    const request = (isTls ? https : http).request(options, onResponse);
    request.once('socket', (socket: net.Socket & { readonly secureConnecting?: boolean }) => {
      // A socket that was kept alive is open already; until a new one is, node holds the request back.
      const isOpen = !socket.connecting && socket.secureConnecting !== true && !socket.destroyed;
      if (isOpen) this.hasBegun = true;
      else socket.once(isTls ? 'secureConnect' : 'connect', () => (this.hasBegun = true));
    });
    return request;
  }
}
