import type { EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';
import { ClockWatch } from './clock-watch';

export interface RetentionParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Events accepted longer ago than this are removed, once none of their deliveries is open. */
  readonly retentionMs: number;
}

const EVERY_MS = 60_000;
/** One transaction: short enough that a request which waits for it does not notice. */
const CHUNK_EVENTS = 200;
const PAUSE_MS = 20;

/**
 * Removes events that are older than deduplication needs. Invariant: removes nothing while the
 * clock is in doubt.
 */
export class Retention implements Startable {
  private readonly stopping = new AbortController();
  private readonly clock: ClockWatch;
  private loop: Promise<void> | null = null;

  constructor(private readonly parts: RetentionParts) {
    this.clock = new ClockWatch(parts);
  }

  /** How long nothing is removed because the clock is in doubt; 0 when it is not. */
  get heldForMs(): number {
    return this.clock.doubtedForMs;
  }

  async start(): Promise<void> {
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
    while (!signal.aborted) {
      try {
        await this.clock.look();
        await this.prune();
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
    let pruned = 1;
    while (pruned > 0 && !signal.aborted && this.clock.isSteady()) {
      pruned = await store.upkeep.prune({ acceptedBefore, limit: CHUNK_EVENTS });
      total += pruned;
      if (pruned > 0) await runtime.sleep(PAUSE_MS, signal);
    }
    if (total > 0)
      log.info({ events: total, acceptedBefore: new Date(acceptedBefore).toISOString() }, 'retention.pruned');
  }
}
