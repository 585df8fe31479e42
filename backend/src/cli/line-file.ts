import { once } from 'node:events';
import { createWriteStream, renameSync, rmSync, openSync, fsyncSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';

/** Lines to a file that appears only when it is whole and flushed to the disk, or to standard output. Never more in memory than a buffer. */
export class LineFile {
  private failure: Error | null = null;

  private constructor(
    private readonly stream: Writable,
    private readonly path: string | null,
  ) {
    stream.on('error', (error) => (this.failure = error));
  }

  /** Null: standard output. */
  static open(path: string | null): LineFile {
    if (path === null) return new LineFile(process.stdout, null);
    return new LineFile(createWriteStream(`${path}.partial`, { mode: 0o600, flush: true }), path);
  }

  /** Resolves when there is room for more. Rejects when the line could not be written. */
  async write(line: string): Promise<void> {
    if (this.failure !== null) throw this.failure;
    if (!this.stream.write(`${line}\n`)) await once(this.stream, 'drain');
  }

  /** Resolves once all of it is there under its name. */
  async finish(): Promise<void> {
    if (this.path === null) return;
    this.stream.end();
    if (this.failure === null) await once(this.stream, 'close');
    if (this.failure !== null) throw this.failure;
    renameSync(`${this.path}.partial`, this.path);
    const folder = openSync(dirname(this.path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Leaves nothing behind. */
  abandon(): void {
    if (this.path === null) return;
    this.stream.destroy();
    rmSync(`${this.path}.partial`, { force: true });
  }
}
