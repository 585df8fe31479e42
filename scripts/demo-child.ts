import { spawn, type ChildProcess } from 'node:child_process';

const LINES_KEPT = 20;
/** Longer than the ten seconds in which the gateway finishes what is in flight. */
const STOP_WITHIN_MS = 15_000;

/**
 * A process of the demo. Its output is kept, not shown: a person who tries the product wants
 * events, not logs.
 */
export class ChildService {
  /** Resolves with the end of the process as text, such as `exit code 1`. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private lines: string[] = [];
  private hasEnded = false;

  constructor(
    readonly name: string,
    script: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.child = spawn(process.execPath, [script], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group: Ctrl-C in a terminal reaches the demo alone, which then stops the
      // two in order.
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => this.keep(chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.keep(chunk));
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.hasEnded = true;
        resolve(how);
      };
      this.child.once('error', (error) => end(error.message));
      // `close` comes after the last of its output, `exit` may come before it.
      this.child.once('close', (code, signal) => end(signal ?? `exit code ${String(code)}`));
    });
  }

  /** The last lines that it wrote. */
  lastWords(): string {
    return this.lines.join('\n');
  }

  /** SIGTERM, and SIGKILL for one that does not heed it. Returns when it has ended. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    const tooLate = setTimeout(() => this.child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.ended;
    clearTimeout(tooLate);
  }

  private keep(chunk: Buffer): void {
    const lines = chunk.toString('utf8').split('\n').filter(Boolean);
    this.lines = [...this.lines, ...lines].slice(-LINES_KEPT);
  }
}
