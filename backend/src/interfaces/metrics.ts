/** What tells the series of one from those of another. The values of a label must be few. */
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** How a series is described where it is shown. */
export interface SeriesDescription {
  readonly name: string;
  readonly help: string;
  /** Every sample has exactly these labels. */
  readonly labelNames: readonly string[];
}

/** Only grows. */
export interface Counter {
  inc(labels: Labels): void;
}

/** How often a value fell below each bound. */
export interface Histogram {
  observe(labels: Labels, value: number): void;
}

/** Samples that are known as a whole, such as what the store counts. */
export interface Snapshot {
  /** From now on there are these samples and no others. */
  replace(samples: readonly Sample[]): void;
}

/** The registry of everything that is measured. Counting must be cheap: every request does it. */
export interface Metrics {
  counter(series: SeriesDescription): Counter;
  /** `buckets`: the upper bounds, rising. */
  histogram(series: SeriesDescription, buckets: readonly number[]): Histogram;
  snapshot(series: SeriesDescription, type: 'counter' | 'gauge'): Snapshot;
  /** All series in the text form of Prometheus (exposition format 0.0.4), those of the process with them. */
  text(): Promise<string>;
}
