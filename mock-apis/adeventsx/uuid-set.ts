const WORDS = 4;
const SMALLEST = 1 << 12;
/** 2^24 slots of 16 bytes: 256 MiB, enough for 12.5 million ids. */
const MOST_SLOTS = 1 << 24;
const FULLEST = 0.75;

/**
 * A set of UUIDs in 16 bytes each (open addressing), exact: millions of ids are counted without a
 * string for each.
 */
export class UuidSet {
  private slots = SMALLEST;
  private words = new Uint32Array(SMALLEST * WORDS);
  private stored = 0;
  /** An empty slot is all zeros, so the UUID that is all zeros is kept aside. */
  private hasNil = false;
  private overflown = false;

  /** `mostSlots`: a power of two from 4096 up; three quarters of it can be stored. */
  constructor(private readonly mostSlots = MOST_SLOTS) {}

  get size(): number {
    return this.stored + (this.hasNil ? 1 : 0);
  }

  /** False once an id could not be taken in because the set had reached its bound. */
  get isExact(): boolean {
    return !this.overflown;
  }

  add(uuid: string): void {
    const a = Number.parseInt(uuid.slice(0, 8), 16);
    const b = Number.parseInt(uuid.slice(9, 13) + uuid.slice(14, 18), 16);
    const c = Number.parseInt(uuid.slice(19, 23) + uuid.slice(24, 28), 16);
    const d = Number.parseInt(uuid.slice(28, 36), 16);
    if (a + b + c + d === 0) {
      this.hasNil = true;
      return;
    }
    if (this.stored >= this.slots * FULLEST && !this.grow()) {
      this.overflown ||= !this.has(a, b, c, d);
      return;
    }
    const at = this.find(a, b, c, d);
    if (this.isTaken(at)) return;
    this.words.set([a, b, c, d], at);
    this.stored += 1;
  }

  clear(): void {
    this.slots = SMALLEST;
    this.words = new Uint32Array(SMALLEST * WORDS);
    this.stored = 0;
    this.hasNil = false;
    this.overflown = false;
  }

  private has(a: number, b: number, c: number, d: number): boolean {
    return this.isTaken(this.find(a, b, c, d));
  }

  private isTaken(at: number): boolean {
    const { words } = this;
    const [a = 0, b = 0, c = 0, d = 0] = [words[at], words[at + 1], words[at + 2], words[at + 3]];
    return (a | b | c | d) !== 0;
  }

  /** The slot of the id, or the empty slot where it belongs. At least one slot is always empty. */
  private find(a: number, b: number, c: number, d: number): number {
    const { words } = this;
    let hash =
      Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca77) ^ Math.imul(c, 0xc2b2ae3d) ^ Math.imul(d, 0x27d4eb2f);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & (this.slots - 1);
    for (;;) {
      const at = slot * WORDS;
      const isSame = words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d;
      if (isSame || !this.isTaken(at)) return at;
      slot = (slot + 1) & (this.slots - 1);
    }
  }

  private grow(): boolean {
    if (this.slots * 2 > this.mostSlots) return false;
    const old = this.words;
    this.slots *= 2;
    this.words = new Uint32Array(this.slots * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      const [a = 0, b = 0, c = 0, d = 0] = [old[at], old[at + 1], old[at + 2], old[at + 3]];
      if ((a | b | c | d) !== 0) this.words.set([a, b, c, d], this.find(a, b, c, d));
    }
    return true;
  }
}
