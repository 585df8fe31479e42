import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.resolve(__dirname, '..');

// For machines without curl, such as a slim container: the few flags of it that the demo's lines
// use.
const curlStandIn = `
const headers = {}, rest = process.argv.slice(1);
let url, body, withStatus = false;
while (rest.length > 0) {
  const word = rest.shift();
  if (word === "-H") { const [name, value] = rest.shift().split(": "); headers[name] = value; }
  else if (word === "-d") body = rest.shift();
  else if (word === "-i") withStatus = true;
  else if (word !== "-s") url = word;
}
fetch(url, { method: body === undefined ? "GET" : "POST", headers, body }).then(async (answer) =>
  process.stdout.write((withStatus ? "HTTP/1.1 " + answer.status + "\\r\\n\\r\\n" : "") + (await answer.text())));
`;
const shellWithCurl = `command -v curl >/dev/null || curl() { '${process.execPath}' -e '${curlStandIn}' -- "$@"; }`;

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

/** Two ports that were free a moment ago. */
async function freePorts(): Promise<[number, number]> {
  const servers = [await listen(0), await listen(0)] as const;
  const ports: [number, number] = [portOf(servers[0]), portOf(servers[1])];
  await Promise.all(servers.map(close));
  return ports;
}

describe('npm run demo', () => {
  let folder: string;
  let demo: ChildProcess;
  let output = '';

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-demo-'));
    output = '';
  });

  afterEach(async () => {
    if (demo.exitCode === null && demo.signalCode === null) {
      demo.kill('SIGTERM');
      await once(demo, 'close');
    }
    rmSync(folder, { recursive: true });
  });

  function start(settings: Record<string, string>): void {
    const env = { ...process.env, STORE_URL: `sqlite:${folder}/gateway.db`, ...settings };
    demo = spawn(process.execPath, [path.join(root, 'dist/scripts/demo.js')], { cwd: root, env });
    for (const stream of [demo.stdout, demo.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
        demo.emit('output');
      });
    }
  }

  /**
   * Resolves once the pattern was printed; fails, with all that was, when the demo ends without.
   */
  async function printed(pattern: RegExp): Promise<void> {
    const ended = once(demo, 'close').then(() => 'ended');
    while (!pattern.test(output)) {
      if ((await Promise.race([once(demo, 'output'), ended])) === 'ended' && !pattern.test(output)) {
        throw new Error(`the demo ended before it printed ${String(pattern)}:\n${output}`);
      }
    }
  }

  const lineStarting = (start: string): string => output.split('\n').find((line) => line.startsWith(start)) ?? 'false';

  it('prints lines that work as they are, shows the event that they post, and stops cleanly', async () => {
    const [port, mockPort] = await freePorts();
    start({ PORT: String(port), MOCK_PORT: String(mockPort) });
    await printed(/Events arriving at AdEventsX:\n/);

    const pasted = [shellWithCurl, lineStarting('TOKEN='), lineStarting('curl -i')].join('\n');
    const { stdout } = await promisify(execFile)('sh', ['-c', pasted]);
    expect(stdout).toMatch(/^HTTP\/1\.1 202/);
    const { event_id: eventId } = JSON.parse(stdout.slice(stdout.indexOf('{')));
    await printed(new RegExp(`purchase  user user1  value 12\\.50  campaign spring  ${eventId}\n`));

    const seen = await promisify(execFile)('sh', ['-c', [shellWithCurl, lineStarting('curl -s')].join('\n')]);
    expect(seen.stdout).toContain(eventId);

    demo.kill('SIGINT');
    expect(await once(demo, 'close')).toEqual([0, null]);
    expect(output).toMatch(/Stopped\.\n$/);
    // Both children are gone: their ports are free.
    await Promise.all([port, mockPort].map(async (each) => close(await listen(each))));
  });

  it('says which port is taken and how to choose another', async () => {
    const other = await listen(0);
    const taken = portOf(other);
    const [port] = await freePorts();
    start({ PORT: String(port), MOCK_PORT: String(taken) });
    const [code] = await once(demo, 'close');
    await close(other);
    expect(code).toBe(1);
    expect(output).toContain(`Port ${taken} is taken`);
    expect(output).toContain('MOCK_PORT=');
  });

  it('ends with the last words of a process that dies', async () => {
    const [port, mockPort] = await freePorts();
    start({ PORT: String(port), MOCK_PORT: String(mockPort), JWT_SECRET: 'short' });
    const [code] = await once(demo, 'close');
    expect(code).toBe(1);
    expect(output).toMatch(/gateway ended by itself \(exit code 1\):\n(.*\n)*.*JWT_SECRET/);
    await Promise.all([port, mockPort].map(async (each) => close(await listen(each))));
  });
});
