import type { Counter, Metrics } from '../../interfaces/metrics';
import type { Conversion, UpstreamCounts } from '../../interfaces/upstream-counts';

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
