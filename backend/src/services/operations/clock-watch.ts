import type { Heartbeat, EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';

const DAY_MS = 86_400_000;

export interface ClockWatchParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
}

/**
 * Says whether the wall clock may be believed. Invariant: after it has moved by more than a day,
 * against the monotonic clock or against the mark that the last process left in the store, it is
 * believed only once gateways have run with it for a day. A clock that jumped and a gateway that
 * did not run look the same here. A day is long enough to notice a wrong clock, and harmless after
 * a stop.
 */
export class ClockWatch {
  /**
   * Wall clock minus monotonic at the first look, or since the clock last moved; null before the
   * first look.
   */
  private offsetMs: number | null = null;
  private lookedAt = 0;
  private steadyMs = DAY_MS;

  constructor(private readonly parts: ClockWatchParts) {}

  /** How long the clock will not be believed, as of the last look; 0: it is believed. */
  get doubtedForMs(): number {
    return DAY_MS - this.steadyMs;
  }

  /** Whether it may be believed now, without asking the store. */
  isSteady(): boolean {
    const { runtime } = this.parts;
    const isPlaced = this.offsetMs !== null && Math.abs(runtime.now() - runtime.monotonic() - this.offsetMs) <= DAY_MS;
    return isPlaced && this.steadyMs === DAY_MS;
  }

  /** Compares the clock with the mark and moves the mark on. Rejects where the store cannot. */
  async look(): Promise<void> {
    const { store, runtime } = this.parts;
    const mark = (await store.upkeep.heartbeat()) ?? { seenAt: runtime.now(), steadyMs: DAY_MS };
    const [seenAt, monotonic] = [runtime.now(), runtime.monotonic()];
    const offsetMs = seenAt - monotonic;
    const movedMs = this.offsetMs === null ? seenAt - mark.seenAt : offsetMs - this.offsetMs;
    const hasMoved = Math.abs(movedMs) > DAY_MS;
    const steadyMs = hasMoved ? 0 : this.countSteady(mark, seenAt, monotonic);
    await store.upkeep.recordHeartbeat({ seenAt, steadyMs });
    // As it was when it was judged: it may have moved while the store was at work.
    if (this.offsetMs === null || hasMoved) this.offsetMs = offsetMs;
    this.lookedAt = monotonic;
    this.tell(steadyMs, hasMoved ? movedMs : null);
    this.steadyMs = steadyMs;
  }

  /**
   * Processes that share a store share the mark. Time is not counted twice, and the count here
   * never grows by more than this process ran.
   */
  private countSteady({ seenAt, steadyMs }: Heartbeat, now: number, monotonic: number): number {
    if (this.offsetMs === null) return Math.min(DAY_MS, steadyMs);
    const ranMs = monotonic - this.lookedAt;
    const shared = steadyMs + Math.min(ranMs, Math.max(0, now - seenAt));
    return Math.round(Math.min(DAY_MS, shared, this.steadyMs + ranMs));
  }

  private tell(steadyMs: number, movedMs: number | null): void {
    const { log } = this.parts;
    const wasSteady = this.steadyMs === DAY_MS;
    if (movedMs !== null) {
      const reason =
        'the wall clock moved by more than a day, or no gateway ran for as long; nothing is removed for a day';
      log.error({ reason, movedMs }, 'retention.suspended');
    } else if (wasSteady && steadyMs < DAY_MS) {
      const reason = 'the wall clock moved by more than a day before this process started';
      log.warn({ reason, forMs: DAY_MS - steadyMs }, 'retention.suspended');
    } else if (!wasSteady && steadyMs === DAY_MS) log.info({}, 'retention.resumed');
  }
}
