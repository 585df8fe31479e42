import { createHash } from 'node:crypto';

import type { Destination } from '../../interfaces/destination';
import type { Settlement } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { ClaimedDelivery, DeadReason } from '../../types/delivery';
import type { Circuit, CircuitTicket } from '../resilience/circuit';
import { readAnswer, type Reading } from './read-answer';
import { nextStep, type RetrySchedule } from './schedule';

export interface AttemptParts {
  readonly destination: Destination;
  readonly circuit: Circuit;
  readonly runtime: Runtime;
  readonly schedule: RetrySchedule;
  readonly attemptTimeoutMs: number;
  /** Ends the attempt: aborted here when it took too long, by the lane with the reason `shutdown` when the process must stop. */
  readonly ended: AbortController;
}

/** One attempt from claim to settlement. Never rejects; whatever happened is in the settlement. */
export async function attemptDelivery(delivery: ClaimedDelivery, parts: AttemptParts): Promise<Settlement> {
  const { runtime, destination, circuit } = parts;
  const unsendable = reasonNotToSend(delivery, destination, runtime.now());
  if (unsendable !== null) return bury(delivery, unsendable, runtime.now());
  // A process that slept past its lease may no longer be the one that holds the delivery.
  const isLeaseTooShort = runtime.now() + parts.attemptTimeoutMs > delivery.leaseUntil;
  const ticket = isLeaseTooShort || parts.ended.signal.aborted ? null : circuit.acquire();
  if (ticket === null) return passOver(delivery, runtime.now());

  const startedAt = runtime.now();
  const started = runtime.monotonic();
  const reading = await send(delivery, parts);
  const durationMs = Math.max(0, Math.round(runtime.monotonic() - started));
  report(reading, ticket, circuit);
  const at = runtime.now();
  const { outcome, httpStatus, error, excerpt } = reading;
  const lost = outcome.kind === 'retryable' ? outcome.possibleDuplicate : null;
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
    next: nextStep(reading, delivery, at, parts.schedule, () => runtime.random()),
  };
}

/** A replay of an old event is tried all the same: an operator was told of its age and insisted. */
function reasonNotToSend(delivery: ClaimedDelivery, { contract }: Destination, now: number): DeadReason | null {
  const checksum = createHash('sha256').update(delivery.payload).digest();
  if (!checksum.equals(delivery.checksum)) return 'payload_corrupt';
  const ageMs = now - delivery.eventTimeSeconds * 1000;
  return contract.maxAgeMs !== null && !delivery.isReplay && ageMs > contract.maxAgeMs
    ? 'too_old_for_destination'
    : null;
}

async function send(delivery: ClaimedDelivery, parts: AttemptParts): Promise<Reading> {
  const { runtime, destination, attemptTimeoutMs, ended } = parts;
  const cancelTimer = runtime.after(attemptTimeoutMs, () => ended.abort('attempt_timeout'));
  try {
    const answer = await destination.send([delivery], ended.signal);
    return readAnswer(answer, destination, runtime.now());
  } catch {
    // A defect in one destination's adapter must not end the process, and with it all the others.
    const outcome = { kind: 'retryable', retryAfterMs: null, possibleDuplicate: 'answer_lost' } as const;
    return { outcome, httpStatus: null, error: 'adapter_failed', excerpt: null };
  } finally {
    cancelTimer();
  }
}

/** Tells the circuit what the answer says about the destination, which is not the same as what it says about the event. */
function report({ outcome, httpStatus }: Reading, ticket: CircuitTicket, circuit: Circuit): void {
  switch (outcome.kind) {
    case 'delivered':
    case 'rejected':
      return ticket.succeeded();
    case 'held':
      ticket.cancelled();
      return outcome.until === 'operator' ? circuit.hold('gone') : circuit.trip();
    case 'retryable':
      if (outcome.retryAfterMs !== null) circuit.pauseFor(outcome.retryAfterMs);
      // Asking for patience by 429 and Retry-After is a sign of health.
      if (httpStatus === 429 && outcome.retryAfterMs !== null) ticket.cancelled();
      else ticket.failed();
  }
}

function bury(delivery: ClaimedDelivery, reason: DeadReason, at: number): Settlement {
  return {
    deliveryId: delivery.deliveryId,
    attempt: delivery.attempt,
    at,
    record: null,
    next: { status: 'dead', reason },
  };
}

/** Back to pending without an attempt: nothing was sent. */
function passOver(delivery: ClaimedDelivery, at: number): Settlement {
  const { deliveryId, attempt, retryUntil } = delivery;
  return {
    deliveryId,
    attempt,
    at,
    record: null,
    next: { status: 'pending', dueAt: at, retryUntil, burnsAttempt: false },
  };
}
