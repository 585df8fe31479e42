import type { Destination, UpstreamAnswer } from '../../interfaces/destination';
import type { Runtime } from '../../interfaces/runtime';
import type { ClaimedDelivery, Outcome } from '../../types/delivery';
import type { Circuit, CircuitTicket } from '../resilience/circuit';
import { onAbort } from '../resilience/on-abort';
import type { Blame } from './blame';
import type { Pace } from './pace';
import { readAnswer, type Reading } from './read-answer';

export interface CallParts {
  readonly destination: Destination;
  readonly circuit: Circuit;
  readonly blame: Blame;
  readonly pace: Pace;
  readonly runtime: Runtime;
  readonly attemptTimeoutMs: number;
  /** Ends a call that is under way, with the reason `shutdown`: the process must stop. */
  readonly cut: AbortSignal;
}

/** What the last call that a delivery was part of came to. */
export interface CallEnd {
  readonly reading: Reading;
  readonly startedAt: number;
  readonly durationMs: number;
  /** In how long a destination that refused the delivery is probed next; 0 where that is not so. */
  readonly probeInMs: number;
}

/** Refusals that speak of the address and not of what was sent: no smaller batch would fare better. */
const ABOUT_THE_ADDRESS = new Set([404, 405]);

/**
 * Sends the deliveries in one call. A batch is sent again in halves, until what is at fault stands alone, when it is refused whole
 * for its content, or in any way when one of it has failed before by its own fault. Gives the end for each delivery, in order;
 * null for one that was not sent: no permit, or the lease would not last. Never rejects.
 */
export async function callFor(group: readonly ClaimedDelivery[], parts: CallParts): Promise<(CallEnd | null)[]> {
  const unsent = group.map(() => null);
  if (group.length === 0 || !(await parts.pace.takeTurn(sendableUntil(group, parts), parts.cut))) return unsent;
  // A process that slept past its lease may no longer be the one that holds the deliveries.
  const isLate = parts.runtime.now() > sendableUntil(group, parts);
  if (isLate || parts.cut.aborted) return unsent;
  const permit = parts.circuit.acquire();
  const ticket = permit ?? tryAnother(group, parts);
  if (ticket === null) return unsent;

  const { runtime, blame, destination } = parts;
  const began = blame.begin();
  const startedAt = runtime.now();
  const started = runtime.monotonic();
  const answer = await send(group, parts);
  const durationMs = Math.max(0, Math.round(runtime.monotonic() - started));
  const read = readAnswer(answer ?? DEFECT, destination, runtime.now());
  const mayBeOwn = group.some(({ deliveryId }) => blame.isOwn(deliveryId));
  const whole = mayBeOwn ? ownReading(read) : read;
  report(read, { mayBeOwn, isTrial: permit === null }, group, ticket, parts);
  const ends = (readings: readonly Reading[]) =>
    readings.map((reading) => ({
      reading,
      startedAt,
      durationMs,
      // What was refused in company can be tried alone at once, and what met a 410 waits for a person, not for a probe.
      probeInMs: group.length === 1 && read.httpStatus !== 410 ? probeInMs(parts) : 0,
    }));

  const isBatched = answer?.kind === 'response' && destination.contract.maxBatch > 1;
  if (isBatched && whole.outcome.kind === 'delivered' && answer.status !== 409) {
    const items = readItems(answer, whole, group, parts);
    if (items.some(hasPassed)) blame.passed(began);
    return ends(items);
  }
  if (hasPassed(read)) blame.passed(began);
  const isSearched =
    mayBeOwn && blame.allowsTrial(false) && read.outcome.kind !== 'rejected' && isBatched && answer.status >= 400;
  if (group.length > 1 && isBatched && (isSearched || isRefusalOfItems(answer.status)))
    return split(answer, whole, group, parts, ends);
  return ends(group.map(() => whole));
}

/** The one trial of a destination whose circuit is open by the word of others. */
function tryAnother(group: readonly ClaimedDelivery[], { blame, circuit }: CallParts): CircuitTicket | null {
  const [delivery] = group;
  if (delivery === undefined || group.length > 1 || blame.isLead(delivery.deliveryId)) return null;
  return blame.allowsTrial(circuit.isPaused) ? circuit.acquireTrial() : null;
}

/** Whether the destination took what was sent or judged its content: 404, 405 and redirects speak of the address. */
function hasPassed({ outcome, httpStatus }: Reading): boolean {
  if (outcome.kind === 'delivered') return true;
  return outcome.kind === 'rejected' && httpStatus !== null && httpStatus >= 400 && !ABOUT_THE_ADDRESS.has(httpStatus);
}

/** What refuses us as a whole, read as the refusal of one event: 401 and 403 are tried again as other failures are, 410 is final. */
function ownReading(reading: Reading): Reading {
  if (reading.outcome.kind !== 'held') return reading;
  const outcome: Outcome =
    reading.outcome.until === 'operator'
      ? { kind: 'rejected', reason: 'rejected' }
      : { kind: 'retryable', retryAfterMs: null, possibleDuplicate: null };
  return { ...reading, outcome };
}

function probeInMs({ circuit, runtime }: CallParts): number {
  const now = runtime.monotonic();
  return circuit.state === 'OPEN' ? Math.max(0, (circuit.nextChangeAt() ?? now) - now) : 0;
}

/** A defect in one destination's adapter must not end the process, and with it all the others. */
const DEFECT: UpstreamAnswer = { kind: 'failure', code: 'adapter_failed', mayHaveBeenProcessed: true };

function sendableUntil(group: readonly ClaimedDelivery[], { attemptTimeoutMs }: CallParts): number {
  return Math.min(...group.map(({ leaseUntil }) => leaseUntil)) - attemptTimeoutMs;
}

/** Null when the adapter failed. */
async function send(group: readonly ClaimedDelivery[], parts: CallParts): Promise<UpstreamAnswer | null> {
  const ended = new AbortController();
  const stopListening = onAbort(parts.cut, () => ended.abort(parts.cut.reason));
  const cancelTimer = parts.runtime.after(parts.attemptTimeoutMs, () => ended.abort('attempt_timeout'));
  try {
    return await parts.destination.send(group, ended.signal);
  } catch {
    return null;
  } finally {
    cancelTimer();
    stopListening();
  }
}

type Response = Extract<UpstreamAnswer, { kind: 'response' }>;

/** A 2xx to a batch that is answered item by item says of each what became of it. */
function readItems(answer: Response, whole: Reading, group: readonly ClaimedDelivery[], parts: CallParts): Reading[] {
  const { destination, runtime } = parts;
  if (destination.contract.batchMode !== 'perItem') return group.map(() => whole);
  const statuses = destination.itemStatuses?.(answer.body, group) ?? [];
  return group.map((_delivery, index) => {
    const status = statuses[index] ?? null;
    if (status === null) return { ...whole, outcome: UNREADABLE, error: 'answer_unreadable' };
    const item = readAnswer(
      { kind: 'response', status, headers: {}, body: Buffer.alloc(0) },
      destination,
      runtime.now(),
    );
    // What concerns the destination as a whole is said of the whole call; of one item it can only be a refusal.
    const outcome: Outcome = item.outcome.kind === 'held' ? { kind: 'rejected', reason: 'rejected' } : item.outcome;
    return { ...item, outcome, excerpt: whole.excerpt };
  });
}

const UNREADABLE = { kind: 'retryable', retryAfterMs: null, possibleDuplicate: 'answer_unreadable' } as const;

/** 409 too: a batch of which one item is known already. */
function isRefusalOfItems(status: number): boolean {
  return (
    status >= 400 && status < 500 && !ABOUT_THE_ADDRESS.has(status) && ![401, 403, 408, 410, 425, 429].includes(status)
  );
}

/** Those that the refusal names are refused, the others go again together; where it names none, each half goes by itself. */
async function split(
  answer: Response,
  whole: Reading,
  group: readonly ClaimedDelivery[],
  parts: CallParts,
  ends: (readings: readonly Reading[]) => CallEnd[],
): Promise<(CallEnd | null)[]> {
  const isNamed = parts.destination.contract.batchMode === 'atomicNamed';
  const statuses = isNamed ? parts.destination.itemStatuses?.(answer.body, group) : null;
  if (statuses === null || statuses === undefined) {
    const middle = Math.ceil(group.length / 2);
    return [...(await callFor(group.slice(0, middle), parts)), ...(await callFor(group.slice(middle), parts))];
  }
  const [refused = null] = ends([whole]);
  const others = await callFor(
    group.filter((_delivery, index) => (statuses[index] ?? null) === null),
    parts,
  );
  return statuses.map((status) => (status === null ? (others.shift() ?? null) : refused));
}

/**
 * Tells circuit and blame what the answer says about the destination, which is not the same as what it says about the event.
 * `mayBeOwn`: the call carried an event whose failures are its own. `isTrial`: it was let through an open circuit.
 */
function report(
  reading: Reading,
  { mayBeOwn, isTrial }: { readonly mayBeOwn: boolean; readonly isTrial: boolean },
  group: readonly ClaimedDelivery[],
  ticket: CircuitTicket,
  { blame, circuit }: CallParts,
): void {
  const { outcome, httpStatus } = reading;
  const deliveryIds = group.map(({ deliveryId }) => deliveryId);
  const isNoNews = deliveryIds.some((id) => blame.isNoNews(id));
  switch (outcome.kind) {
    case 'delivered':
    case 'rejected':
      // A redirect or a 404 does not show that the destination works again.
      return isTrial && !hasPassed(reading) ? ticket.cancelled() : ticket.succeeded();
    case 'held':
      ticket.cancelled();
      blame.failed(deliveryIds, !isNoNews);
      if (mayBeOwn) return;
      if (outcome.until === 'operator' && blame.isConvinced) return circuit.hold('gone');
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
