/** What every client of an upstream has in common: each default of axios that surprised us, spelled out, and one reading of its errors. */
import http from 'node:http';
import https from 'node:https';

import { type CreateAxiosDefaults, isAxiosError } from 'axios';

import { httpAdapter } from './http-adapter';
import { ANSWER_MAX_BYTES } from './read-content';

/** Idle connections are closed by us before Node receivers close them (after 5 s): else a request meets a closed one. */
const IDLE_MS = 4_000;

/** Keep-alive agents that open and keep at most so many sockets. */
export interface UpstreamAgents {
  readonly httpAgent: http.Agent;
  readonly httpsAgent: https.Agent;
}

export function agentOptions(maxSockets: number): http.AgentOptions {
  return { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: 'lifo', timeout: IDLE_MS };
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

/** Sent by our own adapter, so that no redirect is followed and no proxy of axios' used; at most 2 MiB are read, and no status is judged. */
export function axiosDefaults(agents: UpstreamAgents): CreateAxiosDefaults {
  return {
    ...agents,
    adapter: httpAdapter,
    maxContentLength: ANSWER_MAX_BYTES,
    // A coding costs more than it saves on answers as small as these; one that comes all the same is read.
    headers: { Accept: 'application/json', 'Accept-Encoding': 'identity', 'User-Agent': 'sluice' },
    // The bytes that were stored are the bytes that are sent, and what arrives is read by us.
    transformRequest: [],
    transformResponse: [],
  };
}

/** A short code for what ended a call before there was an answer: the signal's reason where that is one, else the network's. */
export function failureCode(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return typeof signal.reason === 'string' ? signal.reason : 'aborted';
  if (!isAxiosError(error)) return 'client_error';
  const cause = error.cause as { readonly code?: unknown } | undefined;
  const code = cause?.code ?? error.code;
  if (typeof code !== 'string') return 'network_error';
  // What node's HTTP parser could make nothing of.
  return code.startsWith('HPE_') ? 'answer_garbled' : code;
}
