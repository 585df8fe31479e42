/** How many random cases a property gets: 10 000 in `npm test`, a hundred times as many with LONG=1. fast-check prints the seed of a failure. */
const LONG_FACTOR = 100;

const isLong = process.env.LONG === '1';

export function propertyRuns(runs = 10_000): number {
  return isLong ? runs * LONG_FACTOR : runs;
}

/** How long a property's test may take. */
export const propertyTimeoutMs = isLong ? 3_600_000 : 60_000;
