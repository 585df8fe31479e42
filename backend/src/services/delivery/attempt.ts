import { hash } from 'node:crypto';

import type { Destination } from '../../interfaces/destination';
import type { Settlement } from '../../interfaces/event-store';
import type { ClaimedDelivery, DeadReason } from '../../types/delivery';
import { callFor, type CallEnd, type CallParts } from './call';
import { nextStep, tooOldAfter, type RetrySchedule } from './schedule';

export interface AttemptParts extends CallParts {
  readonly schedule: RetrySchedule;
  /** For how long the destination has been held in all: its retry clock is the wall clock less that. */
  readonly heldMs: () => number;
}

/**
 * One attempt of each delivery, together in one call where there are several, from claim to settlement. Never rejects; whatever happened
 * is in the settlements, one for each delivery, in order.
 */
export async function attemptDeliveries(
  deliveries: readonly ClaimedDelivery[],
  parts: AttemptParts,
): Promise<Settlement[]> {
  const now = parts.runtime.now();
  const buried = new Map<ClaimedDelivery, Settlement>();
  for (const delivery of deliveries) {
    const reason = reasonNotToSend(delivery, parts.destination, now);
    if (reason !== null) buried.set(delivery, unsent(delivery, now, { status: 'dead', reason }));
  }
  const sendable = buried.size === 0 ? deliveries : deliveries.filter((delivery) => !buried.has(delivery));
  const ends = (await callFor(sendable, parts)).values();
  return deliveries.map((delivery) => buried.get(delivery) ?? settle(delivery, ends.next().value ?? null, parts));
}

/** Back to pending without an attempt, for `dueAt`: nothing was sent. */
export function passOver(delivery: ClaimedDelivery, at: number, dueAt: number): Settlement {
  return unsent(delivery, at, { status: 'pending', dueAt, retryUntil: delivery.retryUntil, burnsAttempt: false });
}

function reasonNotToSend(delivery: ClaimedDelivery, { contract }: Destination, now: number): DeadReason | null {
  if (hash('sha256', delivery.payload, 'hex') !== delivery.checksum.toString('hex')) return 'payload_corrupt';
  return now > tooOldAfter(delivery, contract.maxAgeMs) ? 'too_old_for_destination' : null;
}

function settle(delivery: ClaimedDelivery, end: CallEnd | null, parts: AttemptParts): Settlement {
  const { runtime, schedule, destination } = parts;
  const at = runtime.now();
  if (end === null) return passOver(delivery, at, at);
  const { reading, startedAt, durationMs, probeInMs } = end;
  const { outcome, httpStatus, error, excerpt } = reading;
  const lost = outcome.kind === 'retryable' ? outcome.possibleDuplicate : null;
  const { maxAgeMs } = destination.contract;
  return {
    deliveryId: delivery.deliveryId,
    attempt: delivery.attempt,
    at,
    record: {
      number: delivery.attempt,
      startedAt,
      durationMs,
      outcome: outcome.kind,
      httpStatus,
      error,
      excerpt,
      possibleDuplicate: lost ?? (delivery.isReplay && outcome.kind === 'delivered' ? 'operator_replay' : null),
    },
    next: nextStep(reading, delivery, { at, heldMs: parts.heldMs(), probeInMs }, { ...schedule, maxAgeMs }, () =>
      runtime.random(),
    ),
  };
}

function unsent({ deliveryId, attempt }: ClaimedDelivery, at: number, next: Settlement['next']): Settlement {
  return { deliveryId, attempt, at, record: null, next };
}
