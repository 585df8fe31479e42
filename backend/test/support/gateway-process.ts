import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import readline from 'node:readline';

const ROOT = join(__dirname, '../../..');

interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Launch {
  /** A program and its arguments that runs the gateway as its own process, such as `strace -D`. */
  readonly under?: readonly string[];
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
  /** The root of another build than the one that `npm test` makes. */
  readonly root?: string;
}

/** The gateway as a real process, which can be killed. `npm test` builds it first. */
export class GatewayProcess {
  url = '';
  readonly lines: LogLine[] = [];
  stderr = '';
  private child: ChildProcess | null = null;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly environment: Record<string, string>,
    private readonly launch: Launch = {},
  ) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Resolves once it takes requests; rejects with what it said when it ends before. */
  async start(): Promise<this> {
    this.spawn();
    const started = await this.line('gateway.started');
    this.url = started['url'] as string;
    return this;
  }

  /** Starts it and does not wait. */
  spawn(): void {
    const env = {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      NODE_ENV: 'test',
      LOG_LEVEL: 'info',
      ...this.environment,
    };
    const { under = [], nodeArguments = [], root = ROOT } = this.launch;
    const server = join(root, 'dist/backend/src/server.js');
    const line = [...under, process.execPath, ...nodeArguments, server];
    const child = spawn(line[0] ?? process.execPath, line.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.lines.length = 0;
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as LogLine);
      this.wake();
    });
    child.once('exit', () => this.wake());
  }

  /** The first log line of that fact, as soon as there is one. */
  async line(fact: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(({ msg }) => msg === fact);
      if (found) return found;
      if (this.hasEnded) throw new Error(`the gateway ended before ${fact}: ${this.stderr}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** The exit code, or null when a signal ended it. */
  async ended(): Promise<number | null> {
    const child = this.child;
    if (child === null) return null;
    if (!this.hasEnded) await once(child, 'close');
    return child.exitCode;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    return this.ended();
  }

  private get hasEnded(): boolean {
    return this.child?.exitCode !== null || this.child.signalCode !== null;
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
