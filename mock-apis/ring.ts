/**
 * The newest `capacity` items in order of arrival. Each has a sequence number that counts from 0
 * and is never reused.
 */
export class Ring<T> {
  private items: T[] = [];
  /** The index of the oldest item once the ring is full. */
  private start = 0;
  private pushed = 0;

  constructor(private capacity: number) {}

  /** How many were ever pushed, forgotten ones included: the sequence number of the next one. */
  get count(): number {
    return this.pushed;
  }

  push(item: T): void {
    this.pushed += 1;
    if (this.capacity === 0) return;
    if (this.items.length < this.capacity) {
      this.items.push(item);
      return;
    }
    this.items[this.start] = item;
    this.start = (this.start + 1) % this.capacity;
  }

  /** Oldest first. */
  all(): T[] {
    return [...this.items.slice(this.start), ...this.items.slice(0, this.start)];
  }

  /**
   * Up to `limit` items, oldest first, from a sequence number on (or from the oldest still held).
   */
  from(sequence: number, limit: number): { items: T[]; next: number } {
    const oldest = this.pushed - this.items.length;
    const skipped = Math.min(Math.max(sequence - oldest, 0), this.items.length);
    const items = this.all().slice(skipped, skipped + limit);
    return { items, next: oldest + skipped + items.length };
  }

  resize(capacity: number): void {
    if (capacity === this.capacity) return;
    const all = this.all();
    this.items = all.slice(Math.max(0, all.length - capacity));
    this.start = 0;
    this.capacity = capacity;
  }

  clear(): void {
    this.items = [];
    this.start = 0;
    this.pushed = 0;
  }
}
