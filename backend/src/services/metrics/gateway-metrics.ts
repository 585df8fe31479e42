import type { AcceptResult, EventStore } from '../../interfaces/event-store';
import type { EventFeed } from '../events/event-feed';
import type { LookUp } from '../events/idempotency-cache';
import type { CircuitSnapshot } from '../resilience/circuit';
import { Counter, Histogram, seriesText } from './series';
import type { UpstreamMetrics } from './upstream-metrics';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RESULT_NAMES = {
  inserted: 'accepted',
  duplicate: 'duplicate',
  conflict: 'conflict',
  full: 'refused_full',
} as const;
const CIRCUIT_VALUES: Readonly<Record<CircuitSnapshot['state'], number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 };

export interface MetricsMoment {
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
  /** Of the last window. */
  readonly eventLoopDelaySeconds: number;
  readonly residentBytes: number;
}

/**
 * What the gateway counts of itself. Counters are of this process and begin at 0 with it; the deliveries by status and the possible
 * duplicates are the store's, of all time, the same from every process: every delivery is in one of them, so what was accepted is what is delivered, dead, discarded or open (pending, delivering).
 */
export class GatewayMetrics {
  private readonly events = new Counter('sluice_events_total', 'Events posted, by what became of them.');
  private readonly lookUps = new Counter(
    'sluice_idempotency_cache_total',
    'Look-ups in the idempotency cache: answered from it (hit), known and its standing read (read), not known (miss).',
  );
  private readonly attempts = new Counter('sluice_attempts_total', 'Attempts recorded, by outcome.');
  private readonly commits = new Histogram('sluice_commit_seconds', 'From asking the store to its fsync.', SECONDS);
  private readonly requests = new Histogram('sluice_request_seconds', 'Requests by route and status.', SECONDS);

  constructor(
    feed: EventFeed,
    private readonly store: EventStore,
    private readonly upstreams: UpstreamMetrics,
  ) {
    feed.listen((fact) => {
      if (fact.fact !== 'attempted' || fact.record === null) return;
      const { destination, record } = fact;
      this.attempts.add({ destination, outcome: record.outcome });
    });
  }

  readonly committed = (results: readonly AcceptResult[], durationMs: number): void => {
    this.commits.observe({}, durationMs / 1000);
    for (const { kind } of results) this.events.add({ result: RESULT_NAMES[kind] });
  };

  /** A repeat that needed no commit. */
  readonly repeated = ({ kind }: AcceptResult): void => {
    this.events.add({ result: RESULT_NAMES[kind] });
  };

  readonly lookedUp = (result: LookUp): void => {
    this.lookUps.add({ result });
  };

  readonly answered = (route: string, method: string, status: number, durationMs: number): void => {
    this.requests.observe({ route, method, status: String(status) }, durationMs / 1000);
  };

  /** All of them in the text form of Prometheus. Without the store's part while the store does not answer. */
  async text({ circuits, eventLoopDelaySeconds, residentBytes }: MetricsMoment): Promise<string> {
    const stored = await Promise.all([
      this.store.deliveries.countByStatus(),
      this.store.deliveries.possibleDuplicates(),
    ]).catch(() => null);
    const [deliveries, duplicates] = stored ?? [[], []];
    const gauge = (name: string, help: string, value: number) =>
      seriesText(name, 'gauge', help, [{ labels: {}, value }]);
    const parts = [
      this.events.text(),
      this.lookUps.text(),
      seriesText(
        'sluice_deliveries',
        'gauge',
        'Deliveries in the store, by destination and status.',
        deliveries.map(({ destination, status, count }) => ({ labels: { destination, status }, value: count })),
      ),
      gauge('sluice_store_up', '1 while the store answers.', stored === null ? 0 : 1),
      this.attempts.text(),
      seriesText(
        'sluice_possible_duplicates_total',
        'counter',
        'Attempts that the destination may have processed although they are not recorded as delivered, by reason.',
        duplicates.map(({ destination, reason, count }) => ({ labels: { destination, reason }, value: count })),
      ),
      this.upstreams.text(),
      this.commits.text(),
      seriesText(
        'sluice_circuit_state',
        'gauge',
        'Circuit of each destination and source: 0 closed, 1 half-open, 2 open.',
        Object.entries(circuits).map(([upstream, { state }]) => ({
          labels: { upstream },
          value: CIRCUIT_VALUES[state],
        })),
      ),
      this.requests.text(),
      gauge(
        'sluice_event_loop_delay_seconds',
        'Delay of the event loop, 99th percentile of a second.',
        eventLoopDelaySeconds,
      ),
      gauge('process_resident_memory_bytes', 'Memory of the process.', residentBytes),
    ];
    return `${parts.join('\n')}\n`;
  }
}
