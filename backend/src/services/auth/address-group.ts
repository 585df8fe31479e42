import ipaddr from 'ipaddr.js';

/** An address and a port, as some proxies write them: the port is the client's to choose and tells nobody from anybody. */
const WITH_PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([^\]]*)\])(?::\d{1,5})?$/;

/**
 * What counts as one address where attempts and requests are counted: an IPv4 address as it is, an IPv6 address by its first 64 bits,
 * since whoever has one of such a network usually has all of them (RFC 6177 gives a site at least as many). All that is no address is one.
 */
export function addressGroup(text: string): string {
  const [, ipv4, ipv6] = WITH_PORT.exec(text) ?? [];
  const address = ipv4 ?? ipv6 ?? text;
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return address;
  if (!ipaddr.IPv6.isValid(address)) return 'no address';
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
