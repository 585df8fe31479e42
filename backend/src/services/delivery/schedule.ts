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
  schedule: RetrySchedule,
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
      if (now + delayMs > retryUntil) return { status: 'dead', reason: 'retries_exhausted' };
      return { status: 'pending', dueAt: Math.ceil(now + delayMs), retryUntil, burnsAttempt: true };
    }
  }
}
