import net from 'node:net';
import tls from 'node:tls';

/** Sends these bytes over a connection of their own and gives all that came back until the other side closed it, or until `isEnough`. */
export function rawRequest(
  url: string,
  bytes: string | Buffer,
  isEnough: (answer: string) => boolean = () => false,
): Promise<string> {
  const { hostname: host, port, protocol } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const options = { host, port: Number(port) };
    const socket =
      protocol === 'https:' ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
      if (isEnough(answer)) socket.destroy();
    });
    // A server may cut off what it does not want to read; what it said before that counts.
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(answer));
    socket.write(bytes);
  });
}

/** The status of a raw answer; 0 for none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0);
}

/** The problem document of a raw answer. */
export function problemOf(answer: string): { readonly code?: string; readonly detail?: string } {
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  return body.startsWith('{') ? (JSON.parse(body) as { code: string; detail: string }) : {};
}
