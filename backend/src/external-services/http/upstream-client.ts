import axios, { type AxiosInstance, type AxiosResponse, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import { ADDRESS_REFUSED, type UpstreamAnswer } from '../../interfaces/destination';
import { axiosDefaults, createAgents, destroyAgents, failureCode, type UpstreamAgents } from './axios-defaults';
import { isProxyFailure } from './outbound-proxy';
import type { Content } from './read-content';
import { SendingWatch } from './sending-watch';

export interface UpstreamClientOptions {
  /** Sockets kept and opened at most. */
  readonly maxSockets: number;
  /** Whose agents connect; left out, to any address. */
  readonly agents?: UpstreamAgents;
  /** Called when a kept connection broke unanswered and the call is made once more on a fresh one. */
  readonly onRepeat?: () => void;
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

/** The one HTTP client for all destinations: axios as axios-defaults.ts has it. It judges no status and never rejects. */
export class UpstreamClient {
  private readonly axios: AxiosInstance;
  private readonly agents: UpstreamAgents;

  private readonly onRepeat: () => void;

  constructor({ maxSockets, agents = createAgents(maxSockets), onRepeat = () => undefined }: UpstreamClientOptions) {
    this.agents = agents;
    this.onRepeat = onRepeat;
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
  async call({ method, url, headers, body, signal, isRepeatable = true }: UpstreamRequest): Promise<UpstreamAnswer> {
    const transport = new SendingWatch();
    const onBrokenIdleSocket = (): boolean => {
      if (isRepeatable) this.onRepeat();
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
      return toAnswer(response);
    } catch (error) {
      if (isAxiosError<Content>(error) && error.response !== undefined) return toAnswer(error.response);
      const code = failureCode(error, signal);
      return { kind: 'failure', code, mayHaveBeenProcessed: transport.hasBegun && !isProxyFailure(code) };
    }
  }

  close(): void {
    destroyAgents(this.agents);
  }
}

function toAnswer({ status, headers, data: { body, fault } }: AxiosResponse<Content>): UpstreamAnswer {
  const answer = { kind: 'response', status, headers: flatten(headers), body } as const;
  return fault === null ? answer : { ...answer, bodyFault: fault };
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
