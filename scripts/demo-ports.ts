import { once } from 'node:events';
import { createServer } from 'node:net';

/** The port that the environment names, or the default. */
export function readPort(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text.trim() === '') return fallback;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new Error(`${name} must be a port from 1 to 65535, not ${JSON.stringify(text)}.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

/** The first port that is in use on this machine or listed twice; null if all are free. */
export async function firstBusyPort(ports: readonly number[]): Promise<number | null> {
  for (const [index, port] of ports.entries()) {
    if (ports.indexOf(port) < index || !(await isFree(port))) return port;
  }
  return null;
}
