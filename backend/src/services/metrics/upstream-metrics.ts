import type { Conversion, UpstreamCounts } from '../../interfaces/upstream-counts';
import { Counter } from './series';

/** What the HTTP clients count, in the text form of Prometheus. */
export class UpstreamMetrics implements UpstreamCounts {
  private readonly repeats = new Counter(
    'sluice_upstream_repeats_total',
    'Calls made once more at once, since a kept connection broke before the first byte of the answer.',
  );
  private readonly conversions = new Counter(
    'sluice_source_conversions_total',
    'Parts of the answers of sources that were converted or left out, by kind.',
  );

  repeated(upstream: string): void {
    this.repeats.add({ upstream });
  }

  converted(source: string, kind: Conversion): void {
    this.conversions.add({ source, kind });
  }

  text(): string {
    return `${this.repeats.text()}\n${this.conversions.text()}`;
  }
}
