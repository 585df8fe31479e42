import type { EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';

export interface RetentionParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Events accepted longer ago than this go, once none of their deliveries is open. */
  readonly retentionMs: number;
}

const DAY_MS = 86_400_000;
const EVERY_MS = 60_000;
/** One transaction: short enough that a request which waits for it does not notice. */
const CHUNK_EVENTS = 200;
const PAUSE_MS = 20;

/**
 * Removes what is older than deduplication needs. Invariant: nothing goes because a clock was wrong. While the wall clock is more than a
 * day away from where the monotonic one says it should be, nothing goes. Where the newest event at the start is more than a day old or
 * ahead (the gateway stood still, or its clock jumped meanwhile: nothing here can tell), nothing goes for the first day.
 */
export class Retention implements Startable {
  private readonly stopping = new AbortController();
  private loop: Promise<void> | null = null;
  /** Wall clock minus monotonic, at the start. */
  private offsetMs = 0;
  private hasJumped = false;
  /** Monotonic. */
  private mayPruneAt = -Infinity;

  constructor(private readonly parts: RetentionParts) {}

  async start(): Promise<void> {
    this.offsetMs = this.offset();
    this.loop ??= this.run();
  }

  /** Ends after the chunk under way. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { runtime, log } = this.parts;
    const { signal } = this.stopping;
    let isFirst = true;
    while (!signal.aborted) {
      try {
        if (isFirst) await this.compareWithNewest();
        isFirst = false;
        if (this.isClockSteady()) await this.prune();
      } catch (error) {
        log.warn({ err: error }, 'retention.failed');
      }
      await runtime.sleep(EVERY_MS, signal);
    }
  }

  private async prune(): Promise<void> {
    const { store, runtime, log, retentionMs } = this.parts;
    const { signal } = this.stopping;
    const acceptedBefore = runtime.now() - retentionMs;
    let total = 0;
    let pruned: number;
    do {
      pruned = await store.prune({ acceptedBefore, limit: CHUNK_EVENTS });
      total += pruned;
      if (pruned > 0) await runtime.sleep(PAUSE_MS, signal);
    } while (pruned > 0 && !signal.aborted && this.isClockSteady());
    if (total > 0)
      log.info({ events: total, acceptedBefore: new Date(acceptedBefore).toISOString() }, 'retention.pruned');
  }

  /** Before the first pruning: a clock that jumped while nothing ran shows against what was accepted last. */
  private async compareWithNewest(): Promise<void> {
    const { store, runtime } = this.parts;
    const [newest] = (await store.list({ clientId: null, limit: 1 })).data;
    if (newest === undefined) return;
    const ageMs = runtime.now() - newest.event.acceptedAt;
    if (Math.abs(ageMs) <= DAY_MS) return;
    this.mayPruneAt = runtime.monotonic() + DAY_MS;
    this.suspended('the newest event is more than a day away from now; nothing goes for a day', ageMs);
  }

  private isClockSteady(): boolean {
    const jumpMs = this.offset() - this.offsetMs;
    const hasJumped = Math.abs(jumpMs) > DAY_MS;
    if (hasJumped && !this.hasJumped) {
      this.suspended(
        'the wall clock jumped by more than a day; nothing goes until it is back, or after a restart',
        jumpMs,
      );
    }
    this.hasJumped = hasJumped;
    return !hasJumped && this.parts.runtime.monotonic() >= this.mayPruneAt;
  }

  private suspended(reason: string, ms: number): void {
    this.parts.log.error({ reason, ms }, 'retention.suspended');
  }

  private offset(): number {
    return this.parts.runtime.now() - this.parts.runtime.monotonic();
  }
}
