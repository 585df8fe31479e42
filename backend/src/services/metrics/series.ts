/** The text form of Prometheus (exposition format 0.0.4). Values are kept as plain numbers: counting one costs a look-up and an addition. */

type Labels = Readonly<Record<string, string>>;

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One metric with its samples of now. */
export function seriesText(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

/** Only grows; one number for each set of labels. The sets must be few. */
export class Counter {
  private readonly counts = new Map<string, { readonly labels: Labels; value: number }>();

  constructor(
    private readonly name: string,
    private readonly help: string,
  ) {}

  add(labels: Labels, count = 1): void {
    const key = Object.values(labels).join('\n');
    const known = this.counts.get(key);
    if (known === undefined) this.counts.set(key, { labels, value: count });
    else known.value += count;
  }

  text(): string {
    return seriesText(this.name, 'counter', this.help, [...this.counts.values()]);
  }
}

interface Cells {
  readonly labels: Labels;
  /** How many fell into each bucket, those below not counted in. */
  readonly counts: number[];
  sum: number;
}

/** How long things took, in seconds. */
export class Histogram {
  private readonly cells = new Map<string, Cells>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    /** Upper bounds in seconds, rising. */
    private readonly bounds: readonly number[],
  ) {}

  observe(labels: Labels, seconds: number): void {
    const key = Object.values(labels).join('\n');
    let cells = this.cells.get(key);
    if (cells === undefined) {
      cells = { labels, counts: Array<number>(this.bounds.length + 1).fill(0), sum: 0 };
      this.cells.set(key, cells);
    }
    let bucket = 0;
    while (bucket < this.bounds.length && seconds > (this.bounds[bucket] ?? 0)) bucket += 1;
    cells.counts[bucket] = (cells.counts[bucket] ?? 0) + 1;
    cells.sum += seconds;
  }

  text(): string {
    const lines = [...this.cells.values()].flatMap(({ labels, counts, sum }) => {
      let total = 0;
      const buckets = counts.map((count, index) => {
        total += count;
        const le = String(this.bounds[index] ?? '+Inf');
        return `${this.name}_bucket${labelText({ ...labels, le })} ${total}`;
      });
      return [
        ...buckets,
        `${this.name}_sum${labelText(labels)} ${sum}`,
        `${this.name}_count${labelText(labels)} ${total}`,
      ];
    });
    return [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`, ...lines].join('\n');
  }
}
