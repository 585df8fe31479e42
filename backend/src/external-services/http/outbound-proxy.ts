/**
 * Calls through a proxy: https by a tunnel (CONNECT, RFC 9110, section 9.3.6), http in the absolute form (RFC 9112, section 3.2.2),
 * since many proxies refuse a CONNECT to port 80. Ours, because the packages tell neither a refusal of the proxy from an answer of the
 * upstream nor whether a byte of the request has left, and a delivery is counted as a possible duplicate by that.
 */
import http from 'node:http';
import https from 'node:https';
import { BlockList, connect, isIP, isIPv6, type Socket } from 'node:net';
import tls from 'node:tls';

/** Where the proxy listens, and what it is told to let us through. */
export interface ProxyLocation {
  readonly protocol: 'http:' | 'https:';
  /** An IPv6 address has no brackets. */
  readonly hostname: string;
  readonly port: number;
  /** The value of `Proxy-Authorization`. */
  readonly authorization: string | null;
}

/** OUTBOUND_PROXY and NO_PROXY. */
export interface OutboundProxy extends ProxyLocation {
  readonly bypass: readonly string[];
}

/** What must hold before the proxy is asked for a host. Rejects where it does not. */
export type CheckHost = (hostname: string) => Promise<void>;

/** At most this long nothing may come from the proxy while a connection is being made. */
const CONNECT_TIMEOUT_MS = 30_000;

const UNREACHABLE = 'proxy_unreachable';
const REFUSED = /^proxy_http_\d+$/;

/** Whether a call ended at the proxy: the upstream has seen nothing of it. */
export function isProxyFailure(code: unknown): code is string {
  return typeof code === 'string' && (code === UNREACHABLE || REFUSED.test(code));
}

function unreachable(cause: Error): Error {
  return Object.assign(new Error('the proxy cannot be reached', { cause }), { code: UNREACHABLE });
}

/** The proxy's own refusal, such as 407 for a wrong password. */
function refusedByProxy(status: number): Error {
  return Object.assign(new Error(`the proxy answered ${String(status)}`), { code: `proxy_http_${String(status)}` });
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a URL is called without the proxy: NO_PROXY names its host, or it is this machine, which no proxy can mean. */
export function isBypassed(url: string, bypass: readonly string[]): boolean {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  if (isIP(host) !== 0 && loopback.check(host, familyOf(host))) return true;
  return bypass.some((entry) => isCovered(host, port || (protocol === 'https:' ? '443' : '80'), entry.toLowerCase()));
}

function isCovered(host: string, port: string, entry: string): boolean {
  if (entry === '*') return true;
  // Only an IPv6 address without brackets is none of this, and has no port.
  const [, bracketed, plain = entry, onlyPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const [name = '', prefix] = (bracketed ?? plain).split('/');
  if (isIP(name) !== 0) return isIP(host) !== 0 && isWithin(host, name, prefix);
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`));
}

function isWithin(address: string, network: string, prefix = isIPv6(network) ? '128' : '32'): boolean {
  const longest = isIPv6(network) ? 128 : 32;
  if (!/^\d+$/.test(prefix) || Number(prefix) > longest) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), familyOf(network));
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}

/** A connection to the proxy, with TLS upon it where its URL says https. */
function connectTo({ protocol, hostname: host, port }: ProxyLocation): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const isTls = protocol === 'https:';
    const servername = isIP(host) === 0 ? host : '';
    const socket = isTls ? tls.connect({ host, port, servername }) : connect({ host, port });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(unreachable(error));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error('it was silent')));
    socket.once('error', fail);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      socket.off('error', fail);
      socket.removeAllListeners('timeout').setTimeout(0);
      resolve(socket);
    });
  });
}

/** A connection to `target` (host and port), through the proxy. */
async function openTunnel(proxy: ProxyLocation, target: string): Promise<Socket> {
  const socket = await connectTo(proxy);
  return new Promise((resolve, reject) => {
    const request = http.request({
      method: 'CONNECT',
      path: target,
      headers: { Host: target, ...headersFor(proxy) },
      createConnection: () => socket,
      timeout: CONNECT_TIMEOUT_MS,
    });
    request.on('timeout', () => request.destroy(new Error('it was silent')));
    request.on('error', (error) => reject(unreachable(error)));
    // Node gives every answer to a CONNECT to this event.
    request.once('connect', ({ statusCode = 0 }: http.IncomingMessage, _socket: unknown, head: Buffer) => {
      socket.removeAllListeners('timeout').setTimeout(0);
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      } else {
        socket.destroy();
        reject(refusedByProxy(statusCode));
      }
    });
    request.end();
  });
}

function headersFor({ authorization }: ProxyLocation): Record<string, string> {
  return authorization === null ? {} : { 'Proxy-Authorization': authorization };
}

type Done = ((error: Error | null, socket: Socket) => void) | undefined;

/** Gives a socket, or why there is none, in the way of node's agents. */
function hand(opening: Promise<Socket>, done: Done): void {
  void opening.then(
    (socket) => done?.(null, socket),
    (error: unknown) => done?.(error as Error, undefined as never),
  );
}

/** The agent for http: each request names its whole URL, over connections to the proxy. */
export class ForwardingAgent extends http.Agent {
  /** Private in the language too: an error that is logged shows the fields of its agent. */
  readonly #proxy: ProxyLocation;

  constructor(options: http.AgentOptions, proxy: ProxyLocation, check: CheckHost, host: string) {
    super(options);
    this.#proxy = proxy;
    this.createConnection = (_options, done) => {
      hand(
        check(host).then(() => connectTo(proxy)),
        done,
      );
      return undefined;
    };
  }

  /** The request as the proxy wants it. */
  forward(options: https.RequestOptions, url: URL): https.RequestOptions {
    const { hostname, port } = this.#proxy;
    const headers = { ...(options.headers as http.OutgoingHttpHeaders), Host: url.host, ...headersFor(this.#proxy) };
    return { ...options, hostname, port, path: `${url.origin}${url.pathname}${url.search}`, headers };
  }

  /** The refusal that an answer is, where it cannot come from the upstream. */
  refusalIn(status: number | undefined): Error | null {
    return status === 407 ? refusedByProxy(status) : null;
  }
}

/** The agent for https: TLS with the upstream itself, verified as ever, inside a tunnel. */
export function createTunnelAgent(options: https.AgentOptions, proxy: ProxyLocation, check: CheckHost): https.Agent {
  const agent = new https.Agent(options);
  const secure = agent.createConnection.bind(agent);
  agent.createConnection = (target, done) => {
    const host = target.host ?? '';
    const authority = `${isIPv6(host) ? `[${host}]` : host}:${String(target.port ?? 443)}`;
    const opened = check(host).then(() => openTunnel(proxy, authority));
    hand(
      opened.then((socket) => secure({ ...target, socket } as https.RequestOptions) as Socket),
      done,
    );
    return undefined;
  };
  return agent;
}
