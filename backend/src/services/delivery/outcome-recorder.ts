import {
  StoreUnavailableError,
  type EventStore,
  type Settlement,
  type SettleResult,
} from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import { Batcher } from '../resilience/batcher';

export interface OutcomeRecorderParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
}

const SETTLEMENTS_PER_COMMIT = 200;
const PAUSE_MS = 500;

/**
 * Records how attempts ended, for all lanes in shared commits. Invariant: while one outcome cannot be recorded nothing more may be sent,
 * or every send would be one that nobody knows of.
 */
export class OutcomeRecorder {
  private readonly settlements: Batcher<Settlement, SettleResult>;
  private readonly stopping = new AbortController();
  private failing = 0;

  constructor(private readonly parts: OutcomeRecorderParts) {
    this.settlements = new Batcher<Settlement, SettleResult>({
      runtime: parts.runtime,
      flush: (settlements) => parts.store.deliveries.settle(settlements),
      maxItems: SETTLEMENTS_PER_COMMIT,
      // Bounded already by the concurrency of all lanes: an outcome is never turned away.
      maxWaiting: Infinity,
    });
  }

  /** False while an outcome waits for a store that could not take it. */
  get canSend(): boolean {
    return this.failing === 0;
  }

  /**
   * Tries again while the store cannot, however long: past its lease the fence decides, and another's attempt makes it `stale`.
   * `lost`: given up because the process stops or the store refuses it for good; the lease ends it.
   */
  async record(settlement: Settlement, eventId: string): Promise<SettleResult | 'lost'> {
    let hasFailed = false;
    try {
      for (;;) {
        try {
          return await this.settlements.add(settlement);
        } catch (error) {
          this.parts.log.error({ eventId, err: error }, 'delivery.settle_failed');
          if (!(error instanceof StoreUnavailableError) || this.stopping.signal.aborted) return 'lost';
        }
        if (!hasFailed) this.failing += 1;
        hasFailed = true;
        await this.parts.runtime.sleep(PAUSE_MS, this.stopping.signal);
      }
    } finally {
      if (hasFailed) this.failing -= 1;
    }
  }

  /** From now on what cannot be recorded at the first try is given up. */
  stop(): void {
    this.stopping.abort();
  }

  /** Resolves when nothing waits to be recorded. */
  idle(): Promise<void> {
    return this.settlements.idle();
  }
}
