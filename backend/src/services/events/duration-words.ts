const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
  ['millisecond', 1],
];

/** A duration for a person, in its two largest units that are not zero: "7 days and 1 second". */
export function durationInWords(durationMs: number): string {
  const parts: string[] = [];
  let rest = Math.abs(Math.trunc(durationMs));
  for (const [name, ms] of UNITS) {
    const count = Math.floor(rest / ms);
    rest -= count * ms;
    if (count > 0 && parts.length < 2) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`);
  }
  return parts.length === 0 ? '0 milliseconds' : parts.join(' and ');
}
