/**
 * How deliveries travel together: which share a call, what an answer says of each of them, and into which smaller calls a
 * batch is cut so that what is at fault stands alone in the end.
 */
import type { Destination, UpstreamAnswer } from '../../interfaces/destination';
import type { ClaimedDelivery, Outcome } from '../../types/delivery';
import { hasPassed, readAnswer, type ReadAnswer } from './read-answer';

export type Group = readonly ClaimedDelivery[];
type Response = Extract<UpstreamAnswer, { kind: 'response' }>;

/** At most this many bytes in one call, whatever the contract allows. */
const CALL_MAX_BYTES = 1024 * 1024;
/** Batch size is divided by this on every retry. */
const SMALLER_PER_TRY = 4;

/**
 * Divides deliveries into the calls that carry them, in order, none above `maxBatch`. Those that have failed before go in smaller
 * groups, by themselves in the end, so that one that makes a whole batch fail with a 5xx takes no others with it.
 */
export function groupForCalls(deliveries: readonly ClaimedDelivery[], maxBatch: number): ClaimedDelivery[][] {
  if (maxBatch === 1) return deliveries.map((delivery) => [delivery]);
  const groups: ClaimedDelivery[][] = [];
  const open = new Map<number, { readonly group: ClaimedDelivery[]; bytes: number }>();
  for (const delivery of deliveries) {
    const size = Math.max(1, Math.floor(maxBatch / SMALLER_PER_TRY ** (delivery.tries - 1)));
    const bytes = delivery.payload.length + 1;
    const present = open.get(size);
    if (present !== undefined && present.group.length < size && present.bytes + bytes <= CALL_MAX_BYTES) {
      present.group.push(delivery);
      present.bytes += bytes;
    } else {
      const group = [delivery];
      groups.push(group);
      open.set(size, { group, bytes });
    }
  }
  return groups;
}

/** What one call came to: how deliveries of it ended, and in which smaller groups the others go again. */
export interface CallResult<End> {
  readonly ended: ReadonlyMap<ClaimedDelivery, End>;
  readonly again: readonly Group[];
}

/** Sends the group by `call`, and again in the parts that `call` asks for, one after the other. What was not sent has no end. */
export async function callInParts<End>(
  whole: Group,
  call: (group: Group) => Promise<CallResult<End>>,
): Promise<Map<ClaimedDelivery, End>> {
  const ends = new Map<ClaimedDelivery, End>();
  const waiting = [whole];
  for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
    if (group.length === 0) continue;
    const { ended, again } = await call(group);
    for (const [delivery, end] of ended) ends.set(delivery, end);
    waiting.unshift(...again);
  }
  return ends;
}

/** Whether a refusal of the whole batch is about its items. 409 too: a batch of which one item is known already. */
export function isAboutItems(whole: ReadAnswer): boolean {
  return whole.httpStatus !== null && whole.httpStatus >= 400 && hasPassed(whole);
}

/** Those that the refusal names are refused, the others go again together; where it names none, each half goes by itself. */
export function partsOf(
  group: Group,
  answer: Response,
  destination: Destination,
): { readonly refused: Group; readonly again: readonly Group[] } {
  const isNamed = destination.contract.batchMode === 'atomicNamed';
  const statuses = isNamed ? destination.itemStatuses?.(answer.body, group) : null;
  if (statuses === null || statuses === undefined) {
    const middle = Math.ceil(group.length / 2);
    return { refused: [], again: [group.slice(0, middle), group.slice(middle)] };
  }
  const isRefused = (_delivery: ClaimedDelivery, index: number) => (statuses[index] ?? null) !== null;
  const others = group.filter((delivery, index) => !isRefused(delivery, index));
  return { refused: group.filter(isRefused), again: [others] };
}

/** A 2xx to a batch that is answered item by item says of each what became of it. */
export function readItems(
  answer: Response,
  whole: ReadAnswer,
  group: Group,
  destination: Destination,
  now: number,
): readonly ReadAnswer[] {
  if (destination.contract.batchMode !== 'perItem') return group.map(() => whole);
  const statuses = destination.itemStatuses?.(answer.body, group) ?? [];
  return group.map((_delivery, index) => {
    const status = statuses[index] ?? null;
    if (status === null) return { ...whole, outcome: UNREADABLE, error: 'answer_unreadable' };
    const item = readAnswer({ kind: 'response', status, headers: {}, body: Buffer.alloc(0) }, destination, now);
    // What concerns the destination as a whole is said of the whole call; of one item it can only be a refusal.
    const outcome: Outcome = item.outcome.kind === 'held' ? { kind: 'rejected', reason: 'rejected' } : item.outcome;
    return { ...item, outcome, excerpt: whole.excerpt };
  });
}

const UNREADABLE = { kind: 'retryable', retryAfterMs: null, possibleDuplicate: 'answer_unreadable' } as const;
