import axios, { type AxiosInstance } from 'axios';
import axiosRetry from 'axios-retry';

import { ADDRESS_REFUSED, type UpstreamAnswer } from '../../interfaces/destination';
import { axiosDefaults, createAgents, destroyAgents, failureCode, type UpstreamAgents } from './axios-defaults';
import { isProxyFailure } from './outbound-proxy';
import { SendingWatch } from './sending-watch';

export interface UpstreamClientOptions {
  /** Sockets kept and opened at most. */
  readonly maxSockets: number;
  /** Whose agents connect; left out, to any address. */
  readonly agents?: UpstreamAgents;
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Ends the call, body included; its reason is a short code such as `attempt_timeout`. */
  readonly signal: AbortSignal;
}

/** The one HTTP client for all destinations: axios as axios-defaults.ts has it. It judges no status and never rejects. */
export class UpstreamClient {
  private readonly axios: AxiosInstance;
  private readonly agents: UpstreamAgents;

  constructor({ maxSockets, agents = createAgents(maxSockets) }: UpstreamClientOptions) {
    this.agents = agents;
    this.axios = axios.create(axiosDefaults(this.agents));
    axiosRetry(this.axios, {
      // Only what broke before anything was sent: all other retries belong to the schedule in the store, where each is a recorded attempt.
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
  async call({ method, url, headers, body, signal }: UpstreamRequest): Promise<UpstreamAnswer> {
    const transport = new SendingWatch();
    try {
      const response = await this.axios.request<Buffer>({
        method,
        url,
        headers,
        data: body,
        signal,
        transport,
      });
      return { kind: 'response', status: response.status, headers: flatten(response.headers), body: response.data };
    } catch (error) {
      const code = failureCode(error, signal, transport.hasHead);
      return { kind: 'failure', code, mayHaveBeenProcessed: transport.hasBegun && !isProxyFailure(code) };
    }
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
