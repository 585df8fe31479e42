import type { AcceptedEvent, DeliveryStatus, EventStatus } from './event';

/** Why a destination may have processed an attempt that we could not record as delivered (promise 4). */
export type PossibleDuplicateReason =
  'answer_lost' | 'answer_late' | 'answer_cut' | 'answer_unreadable' | 'lease_expired' | 'shutdown' | 'operator_replay';

/** Why a delivery is dead or discarded. */
export type DeadReason =
  | 'rejected'
  | 'retries_exhausted'
  | 'attempts_exhausted'
  | 'too_old_for_destination'
  | 'payload_corrupt'
  | 'destination_removed'
  /** An operator discarded it while it was pending: it never died. */
  | 'discarded';

/** What an attempt's answer means. A closed set: later steps look only at this. */
export type Outcome =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'retryable';
      /** From Retry-After, already clamped; pauses the destination, not just this delivery. */
      readonly retryAfterMs: number | null;
      /** Null when it is certain that nothing was processed. */
      readonly possibleDuplicate: PossibleDuplicateReason | null;
    }
  | { readonly kind: 'rejected'; readonly reason: DeadReason }
  /** The destination as a whole refuses us: it pauses, no attempt is burnt. `operator`: only a person ends it. */
  | { readonly kind: 'held'; readonly until: 'probe' | 'operator' };

export type OutcomeKind = Outcome['kind'];

/** One try of a delivery, as recorded. */
export interface AttemptRecord {
  /** 1, 2, 3 …: only grows, also over replays. It is the fencing token. */
  readonly number: number;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly outcome: OutcomeKind;
  readonly httpStatus: number | null;
  /** A short machine-readable cause (`ECONNRESET`, `attempt_timeout`, `http_503`), null when delivered. */
  readonly error: string | null;
  /** The start of the answer's body, printable, at most 500 characters. Never shown outside the operator's and owner's reads. */
  readonly excerpt: string | null;
  readonly possibleDuplicate: PossibleDuplicateReason | null;
}

export interface AttemptView extends AttemptRecord {
  readonly destination: string;
}

/** A delivery to be created with its event. The payload is made once, here, and every attempt sends these bytes. */
export interface NewDelivery {
  readonly destination: string;
  readonly payload: Buffer;
  /** SHA-256 of the payload. */
  readonly checksum: Buffer;
  readonly dueAt: number;
}

/** A delivery that this process holds under a lease. */
export interface ClaimedDelivery {
  readonly deliveryId: number;
  readonly eventId: string;
  readonly clientId: string;
  readonly eventName: string;
  readonly eventTimeSeconds: number;
  readonly destination: string;
  /** The number of the attempt that this claim is for: the fencing token. */
  readonly attempt: number;
  /** Which try of the present schedule this is, from 1: starts again at a replay and after a hold, and leaves out attempts that were passed over. The backoff goes by it. */
  readonly tries: number;
  readonly payload: Buffer;
  readonly checksum: Buffer;
  /**
   * When its retries end, on its destination's retry clock (`wall clock − heldMs`); null until the first retryable failure
   * sets it.
   */
  readonly retryUntil: number | null;
  readonly leaseUntil: number;
  /** An operator sent it again: it yields to live traffic. */
  readonly isReplay: boolean;
  /** Of the request that the event came with; null where it is not known. */
  readonly requestId: string | null;
}

export interface DeliveryView {
  readonly deliveryId: number;
  readonly eventId: string;
  readonly clientId: string;
  readonly eventName: string;
  readonly eventTimeSeconds: number;
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** When it is next tried (pending) or its lease ends (delivering); null once it ended. */
  readonly nextAttemptAt: number | null;
  readonly lastError: string | null;
  readonly lastHttpStatus: number | null;
  readonly deadReason: DeadReason | null;
  readonly createdAt: number;
  readonly deliveredAt: number | null;
  /** The start of the first attempt that the destination took, or may have taken (a possible duplicate); null when it certainly never did. */
  readonly firstTakenAt: number | null;
  readonly payload: Buffer;
}

export interface EventView {
  readonly event: AcceptedEvent;
  readonly status: EventStatus;
  readonly deliveries: readonly DeliveryView[];
}

/** A destination that is not sent to, and why. Survives restarts. */
export interface Hold {
  readonly destination: string;
  readonly kind: 'operator' | 'unauthorized' | 'gone';
  readonly since: number;
  readonly reason: string;
  /** The client id of the operator, or `sluice` when the gateway did it. */
  readonly actor: string;
}

/**
 * For how long a destination has been held. Its retry clock stands still meanwhile: it shows the wall clock minus that time.
 */
export interface HeldTime {
  readonly destination: string;
  /** The length of all holds that have ended. */
  readonly heldMs: number;
  /** Since when the stored hold of now holds it, which `heldMs` does not count yet; null when there is none. */
  readonly since: number | null;
}

/** Something an operator did: who, when, what. */
export interface OperatorAction {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly detail: string;
}

/** How often, since the store was made, a destination may have processed an attempt that is not recorded as delivered, for one reason. */
export interface PossibleDuplicateCount {
  readonly destination: string;
  readonly reason: PossibleDuplicateReason;
  readonly count: number;
}

/** How many deliveries of a destination stand in each status. */
export interface StatusCount {
  readonly destination: string;
  readonly status: DeliveryStatus;
  readonly count: number;
}

/** Which deliveries an operator asks for, validated but for the times. */
export interface DeliveryFilterInput {
  readonly status?: DeliveryStatus;
  readonly destination?: string;
  readonly event_name?: string;
  readonly client_id?: string;
  readonly event_id?: string;
  readonly dead_reason?: string;
  readonly user_id?: string;
  readonly http_status?: number;
  readonly error?: string;
  /** RFC 3339, on when the delivery was created; inclusive. */
  readonly from?: string;
  readonly to?: string;
}
