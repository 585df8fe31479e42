import net from 'node:net';
import tls from 'node:tls';

import { selfSignedCertificate } from './self-signed-certificate';

/** What the upstream does with a connection: `arrived` it has just been opened, `asked` the whole request was read. */
export interface Fault {
  /** Takes the connection over before a byte is read. */
  readonly arrived?: (socket: net.Socket) => void;
  readonly asked?: (socket: net.Socket) => void;
}

/** An upstream on one raw TCP port that misbehaves in one way, counts what reached it, and leaves nothing open. */
export class FaultUpstream {
  /** Requests that were read whole. */
  requests = 0;
  connections = 0;
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;

  constructor(
    private readonly fault: Fault,
    scheme: 'tcp' | 'tls' = 'tcp',
  ) {
    const serve = (socket: net.Socket) => this.serve(socket);
    this.server = scheme === 'tcp' ? net.createServer(serve) : tls.createServer(selfSignedCertificate(), serve);
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: net.Socket): void {
    this.connections += 1;
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    if (this.fault.arrived) return this.fault.arrived(socket);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let end = endOfRequest(received); end !== null; end = endOfRequest(received)) {
        received = received.subarray(end);
        this.requests += 1;
        this.fault.asked?.(socket);
      }
    });
  }
}

/** Where the first request in the bytes ends; null while it is not whole. */
function endOfRequest(bytes: Buffer): number | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const length = /content-length: *(\d+)/i.exec(bytes.subarray(0, headEnd).toString('latin1'))?.[1] ?? '0';
  const end = headEnd + 4 + Number(length);
  return bytes.length >= end ? end : null;
}

/** Writes the start of an answer and then a piece every 20 ms, for as long as the other side listens. */
export function drip(start: string, piece: string): Fault {
  return {
    asked: (socket) => {
      socket.write(start);
      const timer = setInterval(() => socket.write(piece), 20);
      socket.on('close', () => clearInterval(timer));
    },
  };
}

/** A whole answer, after which the connection can be used again. */
export function answer(status: number, body = '', headers: Record<string, string> = {}): Fault {
  const all = { 'Content-Length': String(Buffer.byteLength(body)), 'Content-Type': 'application/json', ...headers };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return { asked: (socket) => void socket.write(`HTTP/1.1 ${String(status)} X\r\n${head.join('')}\r\n${body}`) };
}

/** Bytes as they are, and then the end of the connection, if asked for. */
export function bytes(text: string, then: 'end' | 'reset' | 'stay' = 'stay'): Fault {
  return {
    asked: (socket) =>
      void socket.write(text, () => {
        if (then === 'end') socket.end();
        // A moment later, so that the other side has read what was written.
        if (then === 'reset') setTimeout(() => socket.resetAndDestroy(), 50);
      }),
  };
}
