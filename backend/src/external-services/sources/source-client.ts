import axios, { AxiosError, type AxiosInstance, type InternalAxiosRequestConfig, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import type { Sent, SourcePolicy, SourceQuestion } from '../../interfaces/source-policy';
import type { SourceAnswer, SourceCall } from '../../interfaces/user-sources';
import { axiosDefaults, destroyAgents, failureCode, type UpstreamAgents } from '../http/axios-defaults';
import { httpAdapter } from '../http/http-adapter';
import type { OutboundProxy } from '../http/outbound-proxy';
import { agentsFor } from '../http/upstream-agents';

/** Reads the body of a 2xx. Never throws. */
export type ReadBody<T> = (body: Buffer) => Sent<T>;

export interface SourceClientOptions {
  readonly baseUrl: string;
  readonly maxSockets: number;
  readonly proxy?: OutboundProxy | null;
}

/**
 * Asks a read source over HTTP. axios-retry runs the attempts by the rules of the policy; the adapter below it makes one attempt, which may
 * be two sendings at once, each behind the policy's limits.
 */
export class SourceClient {
  private readonly axios: AxiosInstance;
  private readonly agents: UpstreamAgents;

  constructor({ baseUrl, maxSockets, proxy = null }: SourceClientOptions) {
    this.agents = agentsFor(baseUrl, { maxSockets, proxy });
    this.axios = axios.create({
      ...axiosDefaults(this.agents),
      baseURL: baseUrl,
      allowAbsoluteUrls: false,
    });
    axiosRetry(this.axios, { retries: 0, retryCondition: () => false });
  }

  /** One question. `path` begins with a slash and holds only ids that were checked. */
  async get<T>(path: string, policy: SourcePolicy, call: SourceCall, readBody: ReadBody<T>): Promise<SourceAnswer<T>> {
    const question = policy.ask(call);
    let last: Sent<T> = { kind: 'failed', code: 'cancelled', isRetryable: false, retryAfter: null };
    const attempt = async (config: InternalAxiosRequestConfig) => {
      call.onAttempt(question.attempts + 1);
      last = await question.attempt((signal) => send(config, signal, readBody));
      if (last.kind === 'found' || last.kind === 'absent') {
        return { data: last, status: 200, statusText: '', headers: {}, config };
      }
      throw new AxiosError('the attempt failed', 'ERR_ATTEMPT_FAILED', config);
    };
    const retry = retryOptions(question, () => last);
    const headers = { 'X-Request-Id': call.requestId };
    try {
      await this.axios.get(path, { signal: call.signal, headers, adapter: attempt, 'axios-retry': retry });
    } catch (error) {
      // What failed stands in `last`, and what was cancelled ends as it began; anything else is a fault of ours.
      if (!isAxiosError(error)) throw error;
    }
    return conclude(last, question);
  }

  close(): void {
    destroyAgents(this.agents);
  }
}

/** Every option of axios-retry, so that none of its defaults decides: those retry an aborted call, and obey any Retry-After. */
function retryOptions(question: SourceQuestion, last: () => Sent<unknown>) {
  let delayMs = 0;
  return {
    retries: question.maxRetries,
    retryCondition: (error: AxiosError): boolean => {
      if (axios.isCancel(error)) return false;
      const planned = question.planRetry(last());
      delayMs = planned ?? 0;
      return planned !== null;
    },
    retryDelay: () => delayMs,
    shouldResetTimeout: true,
    validateResponse: null,
    onRetry: () => undefined,
    onMaxRetryTimesExceeded: () => undefined,
  };
}

async function send<T>(
  config: InternalAxiosRequestConfig,
  signal: AbortSignal,
  readBody: ReadBody<T>,
): Promise<Sent<T>> {
  try {
    const response = await httpAdapter({ ...config, signal });
    const { status, headers } = response;
    if (status >= 200 && status < 300) return readBody(response.data);
    if (status === 404) return { kind: 'not_found' };
    const retryAfter: unknown = headers['retry-after'];
    return {
      kind: 'failed',
      code: `http_${String(status)}`,
      isRetryable: status >= 500 || status === 408 || status === 429,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    };
  } catch (error) {
    const code = failureCode(error, signal);
    return { kind: 'failed', code, isRetryable: code !== 'answer_too_large', retryAfter: null };
  }
}

function conclude<T>(last: Sent<T>, question: SourceQuestion): SourceAnswer<T> {
  const { attempts } = question;
  if (last.kind === 'found') return { kind: 'found', value: last.value, attempts };
  if (last.kind === 'absent' || question.isKnownAbsent()) return { kind: 'absent', attempts };
  if (last.kind === 'not_found') return { kind: 'failed', code: 'http_404_unconfirmed', attempts };
  return { kind: 'failed', code: last.code, attempts };
}
