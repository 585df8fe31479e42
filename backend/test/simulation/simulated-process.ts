import type { Runtime } from '../../src/interfaces/runtime';
import type { SimulatedRuntime } from '../support/simulated-runtime';

/**
 * One incarnation of the gateway's process, and the runtime that its objects get. Invariant: whatever wakes the process (a timer, a turn, an
 * answer of the disk or the network) passes `run`; once it is dead nothing does, so a dead incarnation never acts again.
 */
export class SimulatedProcess implements Runtime {
  private isGone = false;
  /** What woke it while it stood still; null while it runs. */
  private backlog: (() => void)[] | null = null;
  private lastHeldUpAt = -Infinity;

  constructor(
    readonly name: string,
    private readonly world: SimulatedRuntime,
  ) {}

  get isDead(): boolean {
    return this.isGone;
  }

  get isPaused(): boolean {
    return this.backlog !== null;
  }

  /** Whether it stood still at some time since then (monotonic). */
  wasHeldUpSince(time: number): boolean {
    return this.isPaused || this.lastHeldUpAt >= time;
  }

  now(): number {
    return this.world.now();
  }

  monotonic(): number {
    return this.world.monotonic();
  }

  random(): number {
    return this.world.random();
  }

  newId(): string {
    return this.world.newId();
  }

  after(ms: number, then: () => void): () => void {
    let isCancelled = false;
    const cancel = this.world.after(ms, () => {
      this.run(() => {
        if (!isCancelled) then();
      });
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.after(ms, wake);
      signal?.addEventListener('abort', wake);
    });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      void this.world.turn().then(() => {
        this.run(resolve);
      });
    });
  }

  /** Something from outside reaches the process: now, when it goes on, or never. */
  run(then: () => void): void {
    if (this.isGone) return;
    if (this.backlog === null) then();
    else this.backlog.push(then);
  }

  /** An answer from outside. */
  reply<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve) => {
      const answer = (): void => {
        this.run(() => resolve(work));
      };
      work.then(answer, answer);
    });
  }

  kill(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.backlog = null;
  }

  /** As SIGSTOP does. */
  pause(): void {
    this.backlog ??= [];
  }

  /** As SIGCONT does: what fell due meanwhile happens now, in its order. */
  resume(): void {
    const { backlog } = this;
    if (backlog === null) return;
    this.backlog = null;
    this.lastHeldUpAt = this.world.monotonic();
    for (const wake of backlog) {
      this.world.after(0, () => {
        this.run(wake);
      });
    }
  }

  /** The whole machine stood still. */
  wasHeldUp(): void {
    this.lastHeldUpAt = this.world.monotonic();
  }
}
