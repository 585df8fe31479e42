/**
 * Keeps calls away from what is not the public Internet: a URL that somebody outside may have chosen must not lead to our own machines.
 * Checked at the moment of connecting, on the address itself, so that a name whose answer changes is checked each time.
 */
import dns from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';

import ipaddr from 'ipaddr.js';

import { ADDRESS_REFUSED } from '../../interfaces/destination';
import { createAgents, type UpstreamAgents } from './axios-defaults';

/** IPv4 addresses in the form of old, which some systems still take for the IPv4 address. */
const ipv4Compatible = new BlockList();
ipv4Compatible.addSubnet('::', 96, 'ipv6');

/**
 * Whether the IP address, of either family, is one of the public Internet: in none of the ranges of the IANA registries of special-purpose
 * addresses (RFC 6890 and its successors). An IPv4 address written as IPv6 is judged as what it is.
 */
export function isPublicAddress(address: string): boolean {
  const [plain = ''] = address.split('%');
  if (isIP(plain) === 0 || (isIPv6(plain) && ipv4Compatible.check(plain, 'ipv6'))) return false;
  return ipaddr.process(plain).range() === 'unicast';
}

function refusal(host: string): Error {
  return Object.assign(new Error(`${host} is not a public address`), { code: ADDRESS_REFUSED });
}

type Resolve = (
  hostname: string,
  options: dns.LookupAllOptions,
  done: (error: Error | null, addresses: dns.LookupAddress[]) => void,
) => void;

/** A lookup that refuses a name any of whose addresses is not public. */
export function guardedLookup(resolve: Resolve = dns.lookup): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        const nothing = Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
        return done(error ?? nothing, '');
      }
      if (!addresses.every(({ address }) => isPublicAddress(address))) return done(refusal(hostname), '');
      if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

/**
 * For a call through a proxy, which looks the name up itself: refuses an address that is not public, and a name that leads to one by our
 * own look-up. A name that only the proxy knows is left to the rules of the proxy.
 */
export function refuseHost(resolve: Resolve = dns.lookup): (hostname: string) => Promise<void> {
  const lookup = guardedLookup(resolve);
  return (hostname) =>
    new Promise((done, reject) => {
      if (isIP(hostname) !== 0) return isPublicAddress(hostname) ? done() : reject(refusal(hostname));
      lookup(hostname, { all: true }, (error) => {
        if (error?.code === ADDRESS_REFUSED) reject(error);
        else done();
      });
    });
}

/** Agents that connect to public addresses only; anything else ends with the code `address_refused`, before a byte is sent. */
export function createGuardedAgents(maxSockets: number, resolve?: Resolve): UpstreamAgents {
  const lookup = guardedLookup(resolve);
  const agents = createAgents(maxSockets);
  for (const agent of [agents.httpAgent, agents.httpsAgent]) {
    const connect = agent.createConnection.bind(agent);
    // For an address in the URL nothing is looked up, so it is checked here.
    agent.createConnection = (options, done) => {
      const host = options.host ?? '';
      if (isIP(host) === 0 || isPublicAddress(host)) return connect({ ...options, lookup }, done);
      process.nextTick(() => done?.(refusal(host), undefined as never));
      return undefined;
    };
  }
  return agents;
}
