import type { Dice } from './dice';
import type { DiskFaults } from './simulated-disk';
import { type Fates, type PoisonedCall, POISONED_CALLS } from './simulated-upstream';

/** What one seed's world is like. */
export interface Profile {
  /** `calm`: no faults at all, so that even a lost nudge shows; `patient`: retries go on for hours. */
  readonly kind: 'calm' | 'stormy' | 'patient';
  readonly processes: number;
  readonly events: number;
  /** Faults happen for so long; then everything heals and must end well. */
  readonly stormMs: number;
  readonly disk: DiskFaults | null;
  readonly fates: Fates | null;
  /** Mean time between two blows (kill, power cut, pause, full disk, clock jump, operator), ms; null: none. */
  readonly blowEveryMs: number | null;
  readonly attemptLimit: number | null;
  readonly retryForMs: number;
  readonly batches: boolean;
  /** A webhook beside the other two, and how it takes batches; null: there is none. */
  readonly hookMode: 'single' | 'atomic' | 'atomicNamed' | 'perItem' | null;
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  /** What some events of this world make of every call that carries them; null: there are none such. */
  readonly poisonedCall: PoisonedCall | null;
}

const ANY_POISONED_CALL = Object.keys(POISONED_CALLS) as PoisonedCall[];

const ALL_FATES: Fates = {
  ...{ taken: 12, taken_slowly: 3, error: 3, error_with_seconds: 1, error_with_date: 1, busy: 1 },
  ...{ busy_with_seconds: 1, busy_with_garbage: 1, request_timeout: 1, unauthorized: 1, gone: 0.2, refused: 2 },
  ...{ reset_before: 1, reset_after: 2, cut_before: 1, cut_after: 1, hang_before: 1, hang_after: 1, html_after: 1 },
  ...{ error_body: 1, redirect: 0.3 },
};

/** Each one kind of trouble alone, at a rate at which it matters. */
const FATES: readonly Fates[] = [
  ALL_FATES,
  ALL_FATES,
  { taken: 1, error: 6, refused: 2 },
  { taken: 2, unauthorized: 4 },
  { taken: 2, busy_with_seconds: 4, error_with_seconds: 2, error_with_date: 2 },
  { taken: 2, reset_after: 2, hang_after: 2, cut_after: 2, html_after: 1 },
  { taken: 3, redirect: 1, gone: 0.5 },
];

export function profileOf(dice: Dice): Profile {
  const kind = dice.weighted({ calm: 1, stormy: 12, patient: 0.5 });
  const common = {
    kind,
    processes: dice.pick([1, 1, 2]),
    events: dice.between(2, 7),
    batches: dice.chance(0.3),
    concurrency: dice.pick([1, 2, 8]),
    hookMode: dice.pick([null, null, null, 'single', 'atomic', 'atomic', 'atomicNamed', 'perItem'] as const),
  };
  if (kind === 'calm') {
    const quiet = { disk: null, fates: null, blowEveryMs: null, attemptLimit: null, ratePerSecond: null };
    const noPoison = { poisonedCall: null };
    return { ...common, ...quiet, ...noPoison, concurrency: 8, stormMs: 8_000, retryForMs: 600_000 };
  }
  const isFaulty = dice.chance(0.7);
  const rare = { failBefore: 0.03, failAfter: 0.03, crash: 0.01, slow: 0.02, failedFsync: 0.003 };
  const frequent = { failBefore: 0.15, failAfter: 0.1, crash: 0.03, slow: 0.02, failedFsync: 0.01 };
  return {
    ...common,
    stormMs: dice.pick([10_000, 20_000, 40_000]),
    disk: isFaulty ? dice.pick([rare, rare, frequent]) : null,
    fates: kind === 'patient' ? { ...ALL_FATES, busy_with_eternity: 6 } : dice.pick(FATES),
    blowEveryMs: dice.pick([null, 2_000, 5_000, 10_000]),
    attemptLimit: dice.pick([null, null, 3, 6]),
    retryForMs: kind === 'patient' ? 3 * 3_600_000 : dice.pick([15_000, 300_000, 300_000]),
    ratePerSecond: dice.pick([null, null, 2]),
    poisonedCall: dice.chance(0.4) ? dice.pick(ANY_POISONED_CALL) : null,
  };
}
