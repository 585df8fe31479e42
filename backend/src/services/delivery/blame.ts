/** So many different deliveries must have failed, with no pass since, before the destination itself is believed at fault. */
const CONVINCING = 3;
/** During a pause (Retry-After) one other delivery is tried, no more. */
const CONVINCING_IN_PAUSE = 2;
/** At most this many failed deliveries are remembered, and so few of them are named to a claim. */
const REMEMBERED_MAX = 1_000;
const LEADS_MAX = 16;
const SUSPECTS_MAX = 16;

interface Failure {
  /** The places of its first and its last failure in the sequence. */
  readonly first: number;
  readonly last: number;
  /** Whether it has failed in a call that carried nothing else. */
  readonly isAlone: boolean;
}

interface Lead extends Pick<Failure, 'last' | 'isAlone'> {
  /** Its failures were known for its own before: it is no witness against the destination in the matter of others. */
  readonly isOwn: boolean;
}

/**
 * Whose fault a failed call is: the destination's, or that of one event. Kept invariant: the word of one event condemns no
 * destination, and once another event has passed, the failures of the first are its own.
 *
 * A call *passes* when the destination took it, or judged its content. Beginnings and ends of calls have places in one
 * sequence, since a pass says nothing of a failure that happened after the passing call had begun. Memory is bounded; what is
 * forgotten, or lost with the process, costs one more trial.
 */
export class Blame {
  private sequence = 0;
  /** Where the last of the calls that passed began. */
  private passedFrom = 0;
  /** By delivery; the one that failed last is last. */
  private readonly failures = new Map<number, Failure>();
  /** Different deliveries that speak against the destination: the first of each failed call, until a pass. */
  private readonly leads = new Map<number, Lead>();

  /** A call begins; `passed` wants to know which. */
  begin(): number {
    return (this.sequence += 1);
  }

  /** The call that began there has passed. */
  passed(began: number): void {
    this.passedFrom = Math.max(this.passedFrom, began);
    for (const [id, { last }] of this.leads) if (last < began) this.leads.delete(id);
  }

  /** A call with these deliveries failed. `isLead`: it speaks against the destination. */
  failed(deliveryIds: readonly number[], isLead: boolean): void {
    const last = (this.sequence += 1);
    const isAlone = deliveryIds.length === 1;
    const isOwn = deliveryIds.some((id) => this.isPassedBy(id));
    for (const id of deliveryIds) {
      const known = this.failures.get(id);
      this.failures.delete(id);
      this.failures.set(id, { first: known?.first ?? last, last, isAlone: isAlone || known?.isAlone === true });
      forgetOldest(this.failures, REMEMBERED_MAX);
    }
    const [lead] = deliveryIds;
    if (lead === undefined || !isLead) return;
    this.leads.set(lead, { last, isAlone: isAlone || this.leads.get(lead)?.isAlone === true, isOwn });
    forgetOldest(this.leads, LEADS_MAX);
  }

  /** The delivery has ended. */
  forget(deliveryId: number): void {
    this.failures.delete(deliveryId);
  }

  /** Whether anything speaks against the destination. */
  get isSuspicious(): boolean {
    return this.leads.size > 0;
  }

  /** Whether enough speaks against the destination itself. */
  get isConvinced(): boolean {
    let witnesses = 0;
    for (const { isOwn } of this.leads.values()) if (!isOwn) witnesses += 1;
    return witnesses >= CONVINCING;
  }

  /** Whether so little speaks against the destination that another delivery may be tried while its circuit bars the rest. */
  allowsTrial(isPaused: boolean): boolean {
    return this.leads.size < (isPaused ? CONVINCING_IN_PAUSE : CONVINCING);
  }

  /** Whether the delivery's refusals are its own: another has passed since it first failed. While the destination is believed at fault nobody's are. */
  isOwn(deliveryId: number): boolean {
    return !this.isConvinced && this.isPassedBy(deliveryId);
  }

  private isPassedBy(deliveryId: number): boolean {
    return (this.failures.get(deliveryId)?.first ?? Infinity) < this.passedFrom;
  }

  /** Whether one more failure of the delivery says nothing new of the destination: another has passed since its last one. */
  isNoNews(deliveryId: number): boolean {
    return (this.failures.get(deliveryId)?.last ?? Infinity) < this.passedFrom;
  }

  /** Whether the delivery, by itself, is one of those that speak against the destination. */
  isLead(deliveryId: number): boolean {
    return this.leads.get(deliveryId)?.isAlone === true;
  }

  /** Whether the delivery has failed in a call that carried nothing else. */
  hasFailedAlone(deliveryId: number): boolean {
    return this.failures.get(deliveryId)?.isAlone === true;
  }

  /**
   * Deliveries that failed by themselves, the leads first, at most 16: with another of them a call says less. None while nothing
   * speaks against the destination.
   */
  suspects(): number[] {
    const suspects = new Set<number>();
    for (const [id, { isAlone }] of this.leads) if (isAlone) suspects.add(id);
    for (const [id, { isAlone }] of this.leads.size === 0 ? [] : [...this.failures].toReversed()) {
      if (suspects.size >= SUSPECTS_MAX) break;
      if (isAlone) suspects.add(id);
    }
    return [...suspects];
  }
}

function forgetOldest(map: Map<number, unknown>, limit: number): void {
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}
