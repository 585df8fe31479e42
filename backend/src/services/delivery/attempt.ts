/**
 * One attempt of each delivery, together in one call where there are several. A delivery goes through it once, in this order:
 *
 * - *check*: its bytes are those that were accepted, and the destination takes something this old; else it is dead;
 * - *take a turn*: by the rate, before the lease gets too short, with a permit of the circuit; else it is passed over;
 * - *send* and *read*: one call, and what its answer means by the table for all destinations;
 * - *decide*: whether that speaks of the destination or of the event (blame.ts), which the circuit is told;
 * - *settle*: the attempt to be recorded, and what becomes of the delivery.
 *
 * A batch whose answer is about its items repeats the middle three in parts (batch-split.ts).
 */
import { hash } from 'node:crypto';

import type { Destination, DestinationContract, UpstreamAnswer } from '../../interfaces/destination';
import type { Settlement } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { ClaimedDelivery, DeadReason } from '../../types/delivery';
import { retryDelayMs } from '../resilience/backoff';
import type { Circuit, CircuitTicket } from '../resilience/circuit';
import { onAbort } from '../resilience/on-abort';
import { type CallResult, callInParts, type Group, isAboutItems, partsOf, readItems } from './batch-split';
import type { Blame } from './blame';
import { asOwnFault, hasPassed, readAnswer, type ReadAnswer } from './read-answer';
import type { Throttle } from './throttle';

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

export interface AttemptParts {
  readonly destination: Destination;
  readonly circuit: Circuit;
  readonly blame: Blame;
  readonly throttle: Throttle;
  readonly runtime: Runtime;
  readonly attemptTimeoutMs: number;
  readonly schedule: RetrySchedule;
  /** Ends a call that is under way, with the reason `shutdown`: the process must stop. */
  readonly cut: AbortSignal;
  /** For how long the destination has been held in all: its retry clock is the wall clock less that. */
  readonly heldMs: () => number;
}

/** What the last call that a delivery was part of came to. */
interface AttemptEnd {
  readonly read: ReadAnswer;
  readonly startedAt: number;
  readonly durationMs: number;
  /** In how long a destination that refused the delivery is probed next; 0 where that is not so. */
  readonly probeInMs: number;
}

/** Never rejects; whatever happened is in the settlements, one for each delivery, in order. */
export async function attemptDeliveries(deliveries: Group, parts: AttemptParts): Promise<Settlement[]> {
  const now = parts.runtime.now();
  const buried = new Map<ClaimedDelivery, Settlement>();
  for (const delivery of deliveries) {
    const reason = reasonNotToSend(delivery, parts.destination, now);
    if (reason !== null) buried.set(delivery, unsent(delivery, now, { status: 'dead', reason }));
  }
  const sendable = buried.size === 0 ? deliveries : deliveries.filter((delivery) => !buried.has(delivery));
  const ends = await callInParts(sendable, (group) => call(group, parts));
  return deliveries.map((delivery) => buried.get(delivery) ?? settle(delivery, ends.get(delivery) ?? null, parts));
}

/** Back to pending without an attempt, for `dueAt`: nothing was sent. */
export function passOver(delivery: ClaimedDelivery, at: number, dueAt: number): Settlement {
  return unsent(delivery, at, { status: 'pending', dueAt, retryUntil: delivery.retryUntil, burnsAttempt: false });
}

function unsent({ deliveryId, attempt }: ClaimedDelivery, at: number, next: Settlement['next']): Settlement {
  return { deliveryId, attempt, at, record: null, next };
}

function reasonNotToSend(delivery: ClaimedDelivery, { contract }: Destination, now: number): DeadReason | null {
  if (hash('sha256', delivery.payload, 'hex') !== delivery.checksum.toString('hex')) return 'payload_corrupt';
  return now > tooOldAfter(delivery, contract.maxAgeMs) ? 'too_old_for_destination' : null;
}

/** One call, from the turn to the decision. */
async function call(group: Group, parts: AttemptParts): Promise<CallResult<AttemptEnd>> {
  const turn = await takeTurn(group, parts);
  if (turn === null) return { ended: new Map(), again: [] };
  const { runtime, blame, destination } = parts;
  const began = blame.begin();
  const startedAt = runtime.now();
  const started = runtime.monotonic();
  const answer = await send(group, parts);
  const durationMs = Math.max(0, Math.round(runtime.monotonic() - started));
  const read = readAnswer(answer, destination, runtime.now());
  const mayBeOwn = group.some(({ deliveryId }) => blame.isOwn(deliveryId));
  const whole = mayBeOwn ? asOwnFault(read) : read;
  tellCircuit(read, mayBeOwn, group, turn, parts);
  // What was refused in company can be tried alone at once, and what met a 410 waits for a person, not for a probe.
  const end = {
    startedAt,
    durationMs,
    probeInMs: group.length === 1 && read.httpStatus !== 410 ? probeInMs(parts) : 0,
  };

  const isBatched = answer.kind === 'response' && destination.contract.maxBatch > 1;
  if (isBatched && whole.outcome.kind === 'delivered' && answer.status !== 409) {
    const items = readItems(answer, whole, group, destination, runtime.now());
    if (items.some(hasPassed)) blame.passed(began);
    return {
      ended: new Map(group.map((delivery, index) => [delivery, { ...end, read: items[index] ?? whole }])),
      again: [],
    };
  }
  if (hasPassed(read)) blame.passed(began);
  const isSplit = isBatched && group.length > 1 && (isAboutItems(read) || isSearched(read, mayBeOwn, blame));
  const { refused, again } = isSplit ? partsOf(group, answer, destination) : { refused: group, again: [] };
  return { ended: new Map(refused.map((delivery) => [delivery, { ...end, read: whole }])), again };
}

/** Whether a batch is searched for an event that has failed before by its own fault; not while many speak against the destination. */
function isSearched({ outcome, httpStatus }: ReadAnswer, mayBeOwn: boolean, blame: Blame): boolean {
  return mayBeOwn && blame.allowsTrial(false) && outcome.kind !== 'rejected' && (httpStatus ?? 0) >= 400;
}

/** The right to make the call. `isTrial`: the circuit bars others, by the word of too few. */
interface Turn {
  readonly ticket: CircuitTicket;
  readonly isTrial: boolean;
}

/** Null when it does not come: no permit, or the lease would not last. */
async function takeTurn(group: Group, parts: AttemptParts): Promise<Turn | null> {
  const { runtime, throttle, circuit, blame, cut, attemptTimeoutMs } = parts;
  const sendableUntil = Math.min(...group.map(({ leaseUntil }) => leaseUntil)) - attemptTimeoutMs;
  if (!(await throttle.takeTurn(sendableUntil, cut))) return null;
  // A process that slept past its lease may no longer be the one that holds the deliveries.
  if (runtime.now() > sendableUntil || cut.aborted) return null;
  const permit = circuit.acquire();
  if (permit !== null) return { ticket: permit, isTrial: false };
  const [delivery] = group;
  if (delivery === undefined || group.length > 1 || blame.isLead(delivery.deliveryId)) return null;
  const trial = blame.allowsTrial(circuit.isPaused) ? circuit.acquireTrial() : null;
  return trial === null ? null : { ticket: trial, isTrial: true };
}

/** A defect in one destination's adapter must not end the process, and with it all the others. */
const DEFECT: UpstreamAnswer = { kind: 'failure', code: 'adapter_failed', mayHaveBeenProcessed: true };

async function send(group: Group, parts: AttemptParts): Promise<UpstreamAnswer> {
  const ended = new AbortController();
  const stopListening = onAbort(parts.cut, () => ended.abort(parts.cut.reason));
  const cancelTimer = parts.runtime.after(parts.attemptTimeoutMs, () => ended.abort('attempt_timeout'));
  try {
    return await parts.destination.send(group, ended.signal);
  } catch {
    return DEFECT;
  } finally {
    cancelTimer();
    stopListening();
  }
}

/**
 * Tells circuit and blame what the answer says about the destination, which is not the same as what it says about the event.
 * `mayBeOwn`: the call carried an event whose failures are its own.
 */
function tellCircuit(
  read: ReadAnswer,
  mayBeOwn: boolean,
  group: Group,
  { ticket, isTrial }: Turn,
  { blame, circuit }: AttemptParts,
): void {
  const { outcome, httpStatus } = read;
  const deliveryIds = group.map(({ deliveryId }) => deliveryId);
  const isNoNews = deliveryIds.some((id) => blame.isNoNews(id));
  switch (outcome.kind) {
    case 'delivered':
    case 'rejected':
      // A redirect or a 404 does not show that the destination works again.
      return isTrial && !hasPassed(read) ? ticket.cancelled() : ticket.succeeded();
    case 'held':
      ticket.cancelled();
      blame.failed(deliveryIds, !isNoNews);
      if (mayBeOwn) return;
      if (outcome.until === 'operator' && blame.isConvinced) return circuit.hold();
      return circuit.trip(outcome.until === 'operator' ? 'gone' : 'refused');
    case 'retryable': {
      blame.failed(deliveryIds, !isNoNews);
      const asksPatience = outcome.retryAfterMs !== null;
      if (asksPatience && !mayBeOwn) circuit.pauseFor(outcome.retryAfterMs);
      // Asking for patience by 429 and Retry-After is a sign of health.
      if (isNoNews || (httpStatus === 429 && asksPatience)) ticket.cancelled();
      else ticket.failed();
    }
  }
}

function probeInMs({ circuit, runtime }: AttemptParts): number {
  const now = runtime.monotonic();
  return circuit.state === 'OPEN' ? Math.max(0, (circuit.nextChangeAt() ?? now) - now) : 0;
}

function settle(delivery: ClaimedDelivery, end: AttemptEnd | null, parts: AttemptParts): Settlement {
  const { runtime, schedule, destination } = parts;
  const at = runtime.now();
  if (end === null) return passOver(delivery, at, at);
  const { read, startedAt, durationMs, probeInMs } = end;
  const { outcome, httpStatus, error, excerpt } = read;
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
    next: nextStep(read, delivery, { at, heldMs: parts.heldMs(), probeInMs }, { ...schedule, maxAgeMs }, () =>
      runtime.random(),
    ),
  };
}

/** What becomes of a delivery after an attempt. Pure but for the dice. */
export function nextStep(
  { outcome }: ReadAnswer,
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
function tooOldAfter({ eventTimeSeconds, isReplay }: ClaimedDelivery, maxAgeMs: number | null): number {
  return maxAgeMs === null || isReplay ? Infinity : eventTimeSeconds * 1000 + maxAgeMs;
}
