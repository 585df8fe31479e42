import type { DestinationContract } from '../../interfaces/destination';
import type { Settlement } from '../../interfaces/event-store';
import type { ClaimedDelivery } from '../../types/delivery';
import { retryDelayMs } from '../resilience/backoff';
import type { Reading } from './read-answer';

export interface RetrySchedule {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Retries end this long after the first failure, by the destination's retry clock. */
  readonly forMs: number;
}

/** When an attempt ended. */
export interface EndOfAttempt {
  readonly at: number;
  /** For how long the destination has been held in all by then: on its retry clock the attempt ended at `at - heldMs`. */
  readonly heldMs: number;
  /** In how long a destination that refused the attempt is probed next. */
  readonly probeInMs: number;
}

/** What becomes of a delivery after an attempt. Pure but for the dice. */
export function nextStep(
  { outcome }: Reading,
  delivery: ClaimedDelivery,
  { at, heldMs, probeInMs }: EndOfAttempt,
  { maxAgeMs, ...schedule }: RetrySchedule & Pick<DestinationContract, 'maxAgeMs'>,
  random: () => number,
): Settlement['next'] {
  switch (outcome.kind) {
    case 'delivered':
      return { status: 'delivered' };
    case 'rejected':
      return { status: 'dead', reason: outcome.reason };
    case 'held':
      // Nothing is used up, and other events are due before it: they can tell whether it is the destination that is at fault.
      return {
        status: 'pending',
        dueAt: Math.ceil(at + probeInMs),
        retryUntil: delivery.retryUntil,
        burnsAttempt: false,
      };
    case 'retryable': {
      const retryUntil = delivery.retryUntil ?? at - heldMs + schedule.forMs;
      const delayMs = Math.max(retryDelayMs(delivery.tries, schedule, random), outcome.retryAfterMs ?? 0);
      const dueAt = Math.ceil(at + delayMs);
      const tooOldAt = tooOldAfter(delivery, maxAgeMs);
      // By the wall clock, if the destination is not held meanwhile.
      const retriesEndAt = retryUntil + heldMs;
      if (dueAt > Math.min(retriesEndAt, tooOldAt)) {
        return { status: 'dead', reason: tooOldAt < retriesEndAt ? 'too_old_for_destination' : 'retries_exhausted' };
      }
      return { status: 'pending', dueAt, retryUntil, burnsAttempt: true };
    }
  }
}

/** Until when the destination takes the event. An operator who replays has been told of its age and has decided. */
export function tooOldAfter({ eventTimeSeconds, isReplay }: ClaimedDelivery, maxAgeMs: number | null): number {
  return maxAgeMs === null || isReplay ? Infinity : eventTimeSeconds * 1000 + maxAgeMs;
}
