/** When a circuit opens, for how long, and how it closes again. */
export interface CircuitOptions {
  /** The window holds at most this many calls … */
  readonly windowCalls: number;
  /** … and none that ended longer ago. */
  readonly windowMs: number;
  /** Opens at this share of failures in the window (0–1], once it holds at least `minimumCalls`. */
  readonly failureRatio: number;
  readonly minimumCalls: number;
  /** Opens after so many failures in the window with no success after the first of them. */
  readonly failuresInARow: number;
  /** Opens after so many failures in the window, whatever succeeded between; Infinity: never for that. */
  readonly failuresInWindow: number;
  /** How long the circuit first stays open; doubles with each failed probe, up to `maxCooldownMs`. */
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  /** The share [0, 1) by which a cooldown may be shortened at random, so that several processes do not probe together. */
  readonly jitter: number;
  /** So many probes must succeed; at most 1, then 2, then 4 … are in flight at once, never more than are still missing. */
  readonly probesToClose: number;
}

const defaults: CircuitOptions = {
  windowCalls: 100,
  windowMs: 60_000,
  failureRatio: 0.5,
  minimumCalls: 20,
  failuresInARow: 5,
  failuresInWindow: Infinity,
  cooldownMs: 5_000,
  maxCooldownMs: 60_000,
  jitter: 0.1,
  probesToClose: 2,
};

function demand(isMet: boolean, rule: string): void {
  if (!isMet) throw new RangeError(`A circuit's ${rule}.`);
}

/** Fills in the defaults and checks the whole. Throws RangeError naming the rule that is broken. */
export function circuitOptions(given: Partial<CircuitOptions>): CircuitOptions {
  const options = { ...defaults, ...given };
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1;
  demand(isCount(options.windowCalls), 'windowCalls is a whole number from 1');
  demand(options.windowMs > 0, 'windowMs is above 0');
  demand(options.failureRatio > 0 && options.failureRatio <= 1, 'failureRatio is above 0 and at most 1');
  demand(isCount(options.minimumCalls), 'minimumCalls is a whole number from 1');
  demand(
    isCount(options.failuresInARow) || options.failuresInARow === Infinity,
    'failuresInARow is a whole number from 1',
  );
  demand(
    isCount(options.failuresInWindow) || options.failuresInWindow === Infinity,
    'failuresInWindow is a whole number from 1',
  );
  demand(options.cooldownMs > 0 && Number.isFinite(options.cooldownMs), 'cooldownMs is a number above 0');
  demand(
    options.maxCooldownMs >= options.cooldownMs && Number.isFinite(options.maxCooldownMs),
    'maxCooldownMs is a number no smaller than cooldownMs',
  );
  demand(options.jitter >= 0 && options.jitter < 1, 'jitter is at least 0 and below 1');
  demand(isCount(options.probesToClose), 'probesToClose is a whole number from 1');
  return options;
}
