/** A seeded generator: the same seed gives the same numbers on every machine. */
export interface SeededRandom {
  /** Uniform in [0, 1) with 53 random bits. */
  next(): number;
  /** A whole number, uniform in [0, 2^32). */
  nextUint32(): number;
}

/** sfc32 by Chris Doty-Humphrey (PractRand), its state filled from `seed`, any safe integer, by splitmix32. */
export function seededRandom(seed: number): SeededRandom {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`A seed is a safe integer, not ${seed}.`);
  let mix = seed | 0;
  const splitmix32 = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = splitmix32();
  // The high half of the seed goes in after the low half has been mixed, so that no two seeds fall together.
  mix ^= Math.floor(seed / 2 ** 32);
  let [b, c, counter] = [splitmix32(), splitmix32(), 1];
  const nextUint32 = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) nextUint32();
  return {
    nextUint32,
    next: () => (nextUint32() * 2 ** 21 + (nextUint32() >>> 11)) / 2 ** 53,
  };
}
