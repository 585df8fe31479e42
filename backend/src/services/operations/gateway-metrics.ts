import type { AcceptResult, EventStore } from '../../interfaces/event-store';
import type { Counter, Histogram, Metrics, Snapshot } from '../../interfaces/metrics';
import type { Conversion, UpstreamCounts } from '../../interfaces/upstream-counts';
import type { EventFeed } from '../events/event-feed';
import type { LookUp } from '../events/idempotency-cache';
import type { CircuitSnapshot } from '../resilience/circuit';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const RESULT_NAMES = {
  inserted: 'accepted',
  duplicate: 'duplicate',
  conflict: 'conflict',
  full: 'refused_full',
} as const;
const CIRCUIT_VALUES: Readonly<Record<CircuitSnapshot['state'], number>> = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 };

/** What is read at the moment of a scrape. */
export interface MetricsMoment {
  readonly circuits: Readonly<Record<string, CircuitSnapshot>>;
  /** Of the last window. */
  readonly eventLoopDelaySeconds: number;
}

/**
 * What the gateway counts of itself. Counters are of this process and begin at 0 with it. Deliveries
 * by status and possible duplicates are the store's, of all time, the same from every process. Every
 * delivery has one status, so what was accepted is what is delivered, dead, discarded or open
 * (pending, delivering).
 */
export class GatewayMetrics {
  private readonly events: Counter;
  private readonly lookUps: Counter;
  private readonly attempts: Counter;
  private readonly commits: Histogram;
  private readonly requests: Histogram;
  private readonly deliveries: Snapshot;
  private readonly duplicates: Snapshot;
  private readonly storeUp: Snapshot;
  private readonly circuits: Snapshot;
  private readonly eventLoopDelay: Snapshot;

  constructor(
    private readonly metrics: Metrics,
    feed: EventFeed,
    private readonly store: EventStore,
  ) {
    const series = (name: string, help: string, ...labelNames: string[]) => ({ name, help, labelNames });
    this.events = metrics.counter(series('sluice_events_total', 'Events posted, by what became of them.', 'result'));
    const known =
      'Look-ups in the idempotency cache: answered from it (hit), known and its standing read (read), not known (miss).';
    this.lookUps = metrics.counter(series('sluice_idempotency_cache_total', known, 'result'));
    this.deliveries = metrics.snapshot(
      series('sluice_deliveries', 'Deliveries in the store, by destination and status.', 'destination', 'status'),
      'gauge',
    );
    this.storeUp = metrics.snapshot(series('sluice_store_up', '1 while the store answers.'), 'gauge');
    this.attempts = metrics.counter(
      series('sluice_attempts_total', 'Attempts recorded, by outcome.', 'destination', 'outcome'),
    );
    const possiblyProcessed =
      'Attempts that the destination may have processed although they are not recorded as delivered, by reason.';
    this.duplicates = metrics.snapshot(
      series('sluice_possible_duplicates_total', possiblyProcessed, 'destination', 'reason'),
      'counter',
    );
    this.commits = metrics.histogram(series('sluice_commit_seconds', 'From asking the store to its fsync.'), SECONDS);
    const states = 'Circuit of each destination and source: 0 closed, 1 half-open, 2 open.';
    this.circuits = metrics.snapshot(series('sluice_circuit_state', states, 'upstream'), 'gauge');
    this.requests = metrics.histogram(
      series('sluice_request_seconds', 'Requests by route and status.', 'route', 'method', 'status'),
      SECONDS,
    );
    const delay = 'Delay of the event loop, 99th percentile of a second.';
    this.eventLoopDelay = metrics.snapshot(series('sluice_event_loop_delay_seconds', delay), 'gauge');
    feed.listen((fact) => {
      if (fact.fact !== 'attempted' || fact.record === null) return;
      const { destination, record } = fact;
      this.attempts.inc({ destination, outcome: record.outcome });
    });
  }

  readonly committed = (results: readonly AcceptResult[], durationMs: number): void => {
    this.commits.observe({}, durationMs / 1000);
    for (const { kind } of results) this.events.inc({ result: RESULT_NAMES[kind] });
  };

  /** A repeat that needed no commit. */
  readonly repeated = ({ kind }: AcceptResult): void => {
    this.events.inc({ result: RESULT_NAMES[kind] });
  };

  readonly lookedUp = (result: LookUp): void => {
    this.lookUps.inc({ result });
  };

  readonly answered = (route: string, method: string, status: number, durationMs: number): void => {
    this.requests.observe({ route, method, status: String(status) }, durationMs / 1000);
  };

  /** All series in the text form of Prometheus. Without the store's part while the store does not answer. */
  async text({ circuits, eventLoopDelaySeconds }: MetricsMoment): Promise<string> {
    const stored = await Promise.all([
      this.store.deliveries.countByStatus(),
      this.store.deliveries.possibleDuplicates(),
    ]).catch(() => null);
    const [deliveries, duplicates] = stored ?? [[], []];
    this.deliveries.replace(
      deliveries.map(({ destination, status, count }) => ({ labels: { destination, status }, value: count })),
    );
    this.duplicates.replace(
      duplicates.map(({ destination, reason, count }) => ({ labels: { destination, reason }, value: count })),
    );
    this.storeUp.replace([{ labels: {}, value: stored === null ? 0 : 1 }]);
    this.circuits.replace(
      Object.entries(circuits).map(([upstream, { state }]) => ({ labels: { upstream }, value: CIRCUIT_VALUES[state] })),
    );
    this.eventLoopDelay.replace([{ labels: {}, value: eventLoopDelaySeconds }]);
    return this.metrics.text();
  }
}

/** What the HTTP clients count. */
export class UpstreamMetrics implements UpstreamCounts {
  private readonly repeats: Counter;
  private readonly conversions: Counter;

  constructor(metrics: Metrics) {
    this.repeats = metrics.counter({
      name: 'sluice_upstream_repeats_total',
      help: 'Calls made once more at once, since a kept connection broke before the first byte of the answer.',
      labelNames: ['upstream'],
    });
    this.conversions = metrics.counter({
      name: 'sluice_source_conversions_total',
      help: 'Parts of the answers of sources that were converted or left out, by kind.',
      labelNames: ['source', 'kind'],
    });
  }

  repeated(upstream: string): void {
    this.repeats.inc({ upstream });
  }

  converted(source: string, kind: Conversion): void {
    this.conversions.inc({ source, kind });
  }
}
