import type { DestinationContract } from '../../interfaces/destination';
import type { Settlement } from '../../interfaces/event-store';
import type { ClaimedDelivery } from '../../types/delivery';
import { retryDelayMs } from '../resilience/backoff';
import type { Reading } from './read-answer';

export interface RetrySchedule {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Retries end this long after the first failure. */
  readonly forMs: number;
}

/** What becomes of a delivery after an attempt that ended at `now`. Pure but for the dice. */
export function nextStep(
  { outcome }: Reading,
  delivery: ClaimedDelivery,
  now: number,
  { maxAgeMs, ...schedule }: RetrySchedule & Pick<DestinationContract, 'maxAgeMs'>,
  random: () => number,
): Settlement['next'] {
  switch (outcome.kind) {
    case 'delivered':
      return { status: 'delivered' };
    case 'rejected':
      return { status: 'dead', reason: outcome.reason };
    case 'held':
      // The destination is at fault, not the event: due at once, for whenever the destination takes events again.
      return { status: 'pending', dueAt: now, retryUntil: null, burnsAttempt: false };
    case 'retryable': {
      const retryUntil = delivery.retryUntil ?? now + schedule.forMs;
      const delayMs = Math.max(retryDelayMs(delivery.tries, schedule, random), outcome.retryAfterMs ?? 0);
      const dueAt = Math.ceil(now + delayMs);
      const tooOldAt = tooOldAfter(delivery, maxAgeMs);
      if (dueAt > Math.min(retryUntil, tooOldAt)) {
        return { status: 'dead', reason: tooOldAt < retryUntil ? 'too_old_for_destination' : 'retries_exhausted' };
      }
      return { status: 'pending', dueAt, retryUntil, burnsAttempt: true };
    }
  }
}

/** Until when the destination takes the event. An operator who replays has been told of its age and has decided. */
export function tooOldAfter({ eventTimeSeconds, isReplay }: ClaimedDelivery, maxAgeMs: number | null): number {
  return maxAgeMs === null || isReplay ? Infinity : eventTimeSeconds * 1000 + maxAgeMs;
}
