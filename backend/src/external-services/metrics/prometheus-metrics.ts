import * as prometheus from 'prom-client';

import type { Counter, Histogram, Metrics, Sample, SeriesDescription, Snapshot } from '../../interfaces/metrics';

/** The default series of Node (process_*, nodejs_*): they are of the process, so there is one set of them in it. */
let ofProcess: prometheus.Registry | null = null;

function processRegistry(): prometheus.Registry {
  if (ofProcess === null) {
    ofProcess = new prometheus.Registry();
    prometheus.collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

/** The metrics of one gateway, by prom-client. */
export class PrometheusMetrics implements Metrics {
  private readonly registry = new prometheus.Registry();
  private readonly ofProcess = processRegistry();

  counter(series: SeriesDescription): Counter {
    return new prometheus.Counter(this.optionsOf(series));
  }

  histogram(series: SeriesDescription, buckets: readonly number[]): Histogram {
    return new prometheus.Histogram({ ...this.optionsOf(series), buckets: [...buckets] });
  }

  snapshot(series: SeriesDescription, type: 'counter' | 'gauge'): Snapshot {
    const kept = new (type === 'counter' ? prometheus.Counter : prometheus.Gauge)(this.optionsOf(series));
    return {
      replace: (samples: readonly Sample[]) => {
        kept.reset();
        for (const { labels, value } of samples) kept.inc(labels, value);
      },
    };
  }

  async text(): Promise<string> {
    return `${await this.registry.metrics()}\n${await this.ofProcess.metrics()}`;
  }

  private optionsOf({ name, help, labelNames }: SeriesDescription): prometheus.MetricConfiguration<string> {
    return { name, help, labelNames, registers: [this.registry] };
  }
}
