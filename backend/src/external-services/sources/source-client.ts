import axios, { AxiosError, type AxiosInstance, type InternalAxiosRequestConfig, isAxiosError } from 'axios';
import axiosRetry from 'axios-retry';

import type { Sent, SourcePolicy, SourceQuestion } from '../../interfaces/source-policy';
import type { SourceAnswer, SourceCall } from '../../interfaces/user-sources';
import type { UpstreamCounts } from '../../interfaces/upstream-counts';
import { axiosDefaults, destroyAgents, failureCode, type UpstreamAgents } from '../http/axios-defaults';
import { httpAdapter } from '../http/http-adapter';
import type { OutboundProxy } from '../http/outbound-proxy';
import type { Content } from '../http/read-content';
import { agentsFor } from '../http/upstream-agents';
import type { Note } from './source-answers';

/** One question to a source. */
export interface SourceRequest<T> {
  /** What its counters are under: `user-api.profile`, … */
  readonly source: string;
  /** Begins with a slash and holds only ids that were checked. */
  readonly path: string;
  readonly policy: SourcePolicy;
  readonly call: SourceCall;
  /** Reads the body of a 2xx. Never throws. */
  readonly read: (body: Buffer, note: Note) => Sent<T>;
}

export interface SourceClientOptions {
  readonly baseUrl: string;
  readonly maxSockets: number;
  readonly proxy?: OutboundProxy | null;
  readonly counts: UpstreamCounts;
}

/**
 * Asks a read source over HTTP. axios-retry runs the attempts by the rules of the policy; the adapter below it makes one attempt, which may
 * be two sendings at once, each behind the policy's limits.
 */
export class SourceClient {
  private readonly axios: AxiosInstance;
  private readonly agents: UpstreamAgents;

  private readonly counts: UpstreamCounts;

  constructor({ baseUrl, maxSockets, counts, proxy = null }: SourceClientOptions) {
    this.counts = counts;
    this.agents = agentsFor(baseUrl, { maxSockets, proxy });
    this.axios = axios.create({
      ...axiosDefaults(this.agents),
      baseURL: baseUrl,
      allowAbsoluteUrls: false,
    });
    axiosRetry(this.axios, { retries: 0, retryCondition: () => false });
  }

  async get<T>({ source, path, policy, call, read }: SourceRequest<T>): Promise<SourceAnswer<T>> {
    const question = policy.ask(call);
    const note: Note = (conversion) => this.counts.converted(source, conversion);
    const readContent = ({ body, fault, conversions }: Content): Sent<T> => {
      if (fault !== null) return failed(fault);
      conversions.forEach(note);
      return read(body, note);
    };
    const onBrokenIdleSocket = (): boolean => {
      this.counts.repeated(source);
      return true;
    };
    let last: Sent<T> = { kind: 'failed', code: 'cancelled', isRetryable: false, retryAfter: null };
    const attempt = async (config: InternalAxiosRequestConfig) => {
      call.onAttempt(question.attempts + 1);
      last = await question.attempt((signal) => send({ ...config, signal, onBrokenIdleSocket }, signal, readContent));
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
  readContent: (content: Content) => Sent<T>,
): Promise<Sent<T>> {
  try {
    const { status, headers, data } = await httpAdapter(config);
    if (status >= 200 && status < 300) return readContent(data);
    if (status === 404) return { kind: 'not_found' };
    const retryAfter: unknown = headers['retry-after'];
    return {
      kind: 'failed',
      code: `http_${String(status)}`,
      isRetryable: status >= 500 || status === 408 || status === 429,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
    };
  } catch (error) {
    return failed(failureCode(error, signal));
  }
}

/** Whatever did not come whole may come whole the next time; what is too large, or in a coding that nobody here knows, will be so again. */
function failed(code: string): Sent<never> {
  return {
    kind: 'failed',
    code,
    isRetryable: code !== 'answer_too_large' && code !== 'coding_unknown',
    retryAfter: null,
  };
}

function conclude<T>(last: Sent<T>, question: SourceQuestion): SourceAnswer<T> {
  const { attempts } = question;
  if (last.kind === 'found') return { kind: 'found', value: last.value, attempts };
  if (last.kind === 'absent' || question.isKnownAbsent()) return { kind: 'absent', attempts };
  if (last.kind === 'not_found') return { kind: 'failed', code: 'http_404_unconfirmed', attempts };
  return { kind: 'failed', code: last.code, attempts };
}
