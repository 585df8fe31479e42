/** What every client of an upstream has in common: each default of axios that surprised us, spelled out, and one reading of its errors. */
import http from 'node:http';
import https from 'node:https';

import { type CreateAxiosDefaults, isAxiosError } from 'axios';

import { httpAdapter } from './http-adapter';
import { isProxyFailure } from './outbound-proxy';

/** An answer larger than this is cut off and counts as unreadable. */
const ANSWER_MAX_BYTES = 2 * 1024 * 1024;

/** Keep-alive agents that open and keep at most so many sockets. */
export interface UpstreamAgents {
  readonly httpAgent: http.Agent;
  readonly httpsAgent: https.Agent;
}

export function agentOptions(maxSockets: number): http.AgentOptions {
  return { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: 'lifo' };
}

/** Agents that connect to the upstream itself. */
export function createAgents(maxSockets: number): UpstreamAgents {
  const options = agentOptions(maxSockets);
  return { httpAgent: new http.Agent(options), httpsAgent: new https.Agent(options) };
}

export function destroyAgents({ httpAgent, httpsAgent }: UpstreamAgents): void {
  httpAgent.destroy();
  httpsAgent.destroy();
}

/** Sent by our own adapter, so that no redirect is followed and no proxy of axios' used; at most 2 MiB are read, no status is judged, no byte is changed. */
export function axiosDefaults(agents: UpstreamAgents): CreateAxiosDefaults {
  return {
    ...agents,
    adapter: httpAdapter,
    maxContentLength: ANSWER_MAX_BYTES,
    // `identity`, since an answer could be small and its content huge: nobody here unpacks one.
    headers: { Accept: 'application/json', 'Accept-Encoding': 'identity', 'User-Agent': 'sluice' },
    // The bytes that were stored are the bytes that are sent, and what arrives is read by us.
    transformRequest: [],
    transformResponse: [],
  };
}

/** A short code for what ended a call: the signal's reason where that is one, else the network's or the client's. */
export function failureCode(error: unknown, signal: AbortSignal, hasHead = false): string {
  if (signal.aborted) return typeof signal.reason === 'string' ? signal.reason : 'aborted';
  if (!isAxiosError(error)) return 'client_error';
  if (error.message.includes('maxContentLength')) return 'answer_too_large';
  const cause = error.cause as { readonly code?: unknown } | undefined;
  const code = cause?.code ?? error.code;
  if (isProxyFailure(code)) return code;
  // What node's HTTP parser could make nothing of.
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'answer_garbled';
  if (hasHead) return 'answer_cut';
  return typeof code === 'string' ? code : 'network_error';
}
