/**
 * `npm run demo`: the gateway and the simulated upstreams as two real processes, and a line for
 * every event that arrives. What it starts it also ends: on a signal, on a failure to start, and
 * when either of the two dies.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChildService } from './demo-child';
import { firstBusyPort, readPort } from './demo-ports';
import { arrivalLine, welcome, type Arrival } from './demo-text';

const READY_WITHIN_MS = 30_000;
const POLL_MS = 300;
const root = path.resolve(__dirname, '../..');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Ends the wait as soon as the child dies: its last words say more than a timeout. */
async function waitUntilReady(child: ChildService, url: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!signal.aborted && performance.now() < deadline) {
    const isReady = await fetch(url, { signal: AbortSignal.timeout(2000) }).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isReady) return;
    await sleep(50, undefined, { signal }).catch(() => undefined);
  }
  if (!signal.aborted)
    throw new Error(`${child.name} was not ready after ${READY_WITHIN_MS / 1000} s:\n${child.lastWords()}`);
}

/** Prints what AdEventsX receives, from now on, until the signal. */
async function showArrivals(upstreams: string, signal: AbortSignal): Promise<void> {
  let next: number | null = null;
  while (!signal.aborted) {
    try {
      const from = next === null ? 'limit=1' : `from=${String(next)}&limit=200`;
      const answer = await fetch(`${upstreams}/v1/conversions?${from}`, { signal });
      const page = (await answer.json()) as { next: number; conversions: Arrival[] };
      if (next !== null) page.conversions.forEach((arrival) => say(arrivalLine(arrival)));
      next = page.next;
    } catch {
      // The simulator is ending; its end is reported elsewhere.
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function startChildren(port: number, mockPort: number): ChildService[] {
  const upstreams = `http://127.0.0.1:${mockPort}`;
  const upstreamSettings = { MOCK_HOST: '127.0.0.1', MOCK_PORT: String(mockPort) };
  const gatewaySettings = {
    HOST: '127.0.0.1',
    PORT: String(port),
    NODE_ENV: 'development',
    ADEVENTSX_URL: `${upstreams}/v1/conversions`,
    ADEVENTSX_API_KEY: 'dev-adeventsx-key',
    EVENT_API_URL: upstreams,
    USER_API_URL: upstreams,
  };
  return [
    new ChildService('The simulated upstreams', path.join(root, 'dist/mock-apis/server.js'), upstreamSettings),
    new ChildService('The gateway', path.join(root, 'dist/backend/src/server.js'), gatewaySettings),
  ];
}

async function run(): Promise<void> {
  const port = readPort('PORT', 3000);
  const mockPort = readPort('MOCK_PORT', 3001);
  const busy = await firstBusyPort([port, mockPort]);
  if (busy !== null) {
    throw new Error(`Port ${busy} is taken. Choose two that are free: PORT=3100 MOCK_PORT=3101 npm run demo`);
  }
  mkdirSync('data', { recursive: true });

  const stopping = new AbortController();
  // A second signal changes nothing: npm and the terminal may both send one for a single Ctrl-C.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort());

  const children = startChildren(port, mockPort);
  const gateway = `http://127.0.0.1:${port}`;
  const upstreams = `http://127.0.0.1:${mockPort}`;
  const deaths = children.map(async (child) => {
    const words = await child.ended;
    if (stopping.signal.aborted) return;
    stopping.abort();
    throw new Error(`${child.name} ended by itself (${words}):\n${child.lastWords()}`);
  });
  const show = async (): Promise<void> => {
    const [mocks, sluice] = children;
    if (mocks) await waitUntilReady(mocks, `${upstreams}/health`, stopping.signal);
    if (sluice) await waitUntilReady(sluice, `${gateway}/ready`, stopping.signal);
    if (!stopping.signal.aborted) say(welcome(gateway, upstreams));
    await showArrivals(upstreams, stopping.signal);
  };
  try {
    await Promise.race([show(), Promise.all(deaths)]);
  } finally {
    stopping.abort();
    // The gateway first, so that what is in flight still finds its upstream.
    for (const child of children.toReversed()) await child.stop();
    await Promise.allSettled(deaths);
  }
}

run().then(
  () => say('Stopped.'),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
