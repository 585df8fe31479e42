import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

interface Run {
  /** Resolves with the first line of output, or whatever was said by the end. */
  readonly firstLine: Promise<string>;
  readonly ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
  kill(signal: NodeJS.Signals): void;
}

function run(env: Record<string, string>, ...args: string[]): Run {
  const file = join(__dirname, 'server.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    env: { PATH: process.env['PATH'], ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const firstLine = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('\n')) resolve(stdout.split('\n')[0] ?? '');
    });
    child.once('close', () => resolve(stdout));
  });
  const ended = new Promise<Awaited<Run['ended']>>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  );
  return { firstLine, ended, kill: (signal) => void child.kill(signal) };
}

/** Resolves once a call of `/posts` is in flight. */
async function untilPostsCallArrives(url: string): Promise<void> {
  for (;;) {
    const counters = JSON.parse(await (await fetch(url)).text());
    if (counters.userApi.posts.inFlight === 1) return;
  }
}

describe('the process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'says where it is and how it is set, serves, and stops on %s',
    async (signal) => {
      const process = run({ MOCK_PORT: '0', MOCK_USER_DELAY_MS: '0', MOCK_USER_HANG_RATE: '1' });
      const line = await process.firstLine;
      const [, url] = /^simulated upstreams on (http:\/\/127\.0\.0\.1:\d+), /.exec(line) ?? [];
      expect(line).toMatch(/, MOCK_PORT=0 MOCK_USER_DELAY_MS=0 MOCK_USER_HANG_RATE=1$/);
      expect((await fetch(`${url}/health`)).status).toBe(200);
      const hanging = fetch(`${url}/api/users/user1/posts`).catch(String);
      await untilPostsCallArrives(`${url}/_counters`);
      process.kill(signal);
      expect(await process.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(await hanging).toContain('fetch failed');
    },
  );

  it('names every wrong setting and ends with 1', async () => {
    const { code, stdout, stderr } = await run({ MOCK_PORT: 'http', MOCK_USER_FAILRATE: '1' }).ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      [
        'The settings are wrong:',
        '- MOCK_PORT must be a whole number from 0 to 65535, not "http"',
        '- MOCK_USER_FAILRATE is not a setting; run with --help for those that are',
        '',
      ].join('\n'),
    );
  });

  it('says what to do when its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await run({ MOCK_PORT: String(port) }).ended;
    await new Promise((resolve) => other.close(resolve));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Port ${port} on 127.0.0.1 is taken: stop the process that has it, or set MOCK_PORT to a free port (0 picks one).\n`,
    );
  });

  it('shows its settings with --help and starts nothing', async () => {
    const { code, stdout } = await run({}, '--help').ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/\| `MOCK_ADEVENTSX_FAIL_RATE` \| `0` \| How many calls fail \|/);
    expect(stdout).not.toContain('simulated upstreams on');
  });
});
