import type { ServerResponse } from 'node:http';

/** Kept invariant: each entry knows its place. */
interface Entry {
  readonly response: ServerResponse;
  place: number;
}

/**
 * The answers that are not at their end yet. An array and not a Set: a Set that is added to and deleted from all the time leaves outgrown
 * tables behind, each of which refers to the next; once one of them has become old, everything that stood in those after it, here whole
 * requests, is kept until the next full collection. That took a third of the processor's time.
 */
export class OpenAnswers {
  private readonly entries: Entry[] = [];

  get count(): number {
    return this.entries.length;
  }

  /** Returns the function that takes the answer away again, to be called once. */
  add(response: ServerResponse): () => void {
    const entry: Entry = { response, place: this.entries.length };
    this.entries.push(entry);
    return () => this.remove(entry);
  }

  all(): readonly ServerResponse[] {
    return this.entries.map(({ response }) => response);
  }

  /** The last one takes the place of the one that goes. */
  private remove(entry: Entry): void {
    const last = this.entries.pop();
    if (last === undefined || last === entry) return;
    this.entries[entry.place] = last;
    last.place = entry.place;
  }
}
