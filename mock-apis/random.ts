/** Uniform in [0, 1). */
export type Random = () => number;

/**
 * A 32-bit hash of a text (FNV-1a with a final mix, so that texts which differ in one digit land
 * far apart).
 */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A stream of numbers (mulberry32): the same seed and name give the same sequence, and no stream
 * shifts another.
 */
export function createRandom(seed: number, name: string): Random {
  let state = hash32(`${seed}:${name}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of a non-empty list, for a number in [0, 1). */
export function pick<T>(list: readonly T[], chance: number): T {
  const chosen = list[Math.floor(chance * list.length)];
  if (chosen === undefined) throw new RangeError('cannot pick from an empty list');
  return chosen;
}

/** A whole number of the inclusive range, for a number in [0, 1). */
export function within(range: readonly [number, number], chance: number): number {
  return range[0] + Math.floor(chance * (range[1] - range[0] + 1));
}
