import { createHash } from 'node:crypto';

/** A promise that was broken, by its number in the README's list and in words. */
export interface Violation {
  readonly promise: string;
  readonly detail: string;
}

/** What happened in one simulation, line by line, and what of it broke a promise. */
export class History {
  readonly lines: string[] = [];
  readonly violations: Violation[] = [];

  constructor(private readonly elapsed: () => number) {}

  note(line: string): void {
    this.lines.push(`${this.elapsed()} ${line}`);
  }

  violate(promise: string, detail: string): void {
    this.note(`VIOLATION of ${promise}: ${detail}`);
    this.violations.push({ promise, detail });
  }

  /** Two runs of one seed are the same when this is. */
  hash(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex');
  }
}
