import { createGuardedAgents, refuseHost } from './address-guard';
import { agentOptions, createAgents, type UpstreamAgents } from './axios-defaults';
import { createTunnelAgent, ForwardingAgent, isBypassed, type OutboundProxy } from './outbound-proxy';

export interface AgentsWanted {
  readonly maxSockets: number;
  /** Null: upstreams are called directly. */
  readonly proxy: OutboundProxy | null;
  /** Connect to addresses of the public Internet only. */
  readonly publicOnly?: boolean;
}

/** The agents of the client of one URL: direct, or through the proxy. */
export function agentsFor(url: string, { maxSockets, proxy, publicOnly = false }: AgentsWanted): UpstreamAgents {
  if (proxy === null || isBypassed(url, proxy.bypass)) {
    return publicOnly ? createGuardedAgents(maxSockets) : createAgents(maxSockets);
  }
  const options = agentOptions(maxSockets);
  const check = publicOnly ? refuseHost() : () => Promise.resolve();
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return {
    httpAgent: new ForwardingAgent(options, proxy, check, host),
    httpsAgent: createTunnelAgent(options, proxy, check),
  };
}
