import type { DestinationContract } from '../../interfaces/destination';
import type { DeliveryView } from '../../types/delivery';

/** What would come of sending a delivery again. */
export type ReplayVerdict =
  | 'replayable'
  /** The destination takes nothing this old: it would refuse it. */
  | 'too_old'
  /** The destination took it, or may have, and by its contract no longer knows: it would count twice. */
  | 'counts_twice';

/** By the destination's contract; without one (the destination is not configured now) nothing speaks against it. Pure. */
export function replayVerdict(
  { eventTimeSeconds, firstTakenAt }: Pick<DeliveryView, 'eventTimeSeconds' | 'firstTakenAt'>,
  contract: Pick<DestinationContract, 'maxAgeMs' | 'dedupWindowMs'> | null,
  now: number,
): ReplayVerdict {
  if (contract === null) return 'replayable';
  if (contract.maxAgeMs !== null && now - eventTimeSeconds * 1000 > contract.maxAgeMs) return 'too_old';
  if (firstTakenAt === null) return 'replayable';
  const isKnown = contract.dedupWindowMs !== null && now - firstTakenAt <= contract.dedupWindowMs;
  return isKnown ? 'replayable' : 'counts_twice';
}
