import type { AcceptedEvent, EventKey, EventStatus, DeliveryStatus, PointsCount } from '../types/event';
import type {
  AttemptRecord,
  AttemptView,
  ClaimedDelivery,
  DeadReason,
  DeliveryView,
  EventView,
  HeldTime,
  Hold,
  NewDelivery,
  OperatorAction,
  PossibleDuplicateCount,
  StatusCount,
} from '../types/delivery';

/** An event with all that is committed together with it. */
export interface NewEvent {
  readonly event: AcceptedEvent;
  /** SHA-256 over the canonical fields: tells a duplicate from a conflict. */
  readonly fingerprint: Buffer;
  readonly deliveries: readonly NewDelivery[];
  /** Of the request that it came with: given back with each claim, and no part of the event's content. */
  readonly requestId: string | null;
}

export interface DeliveryStanding {
  readonly destination: string;
  readonly status: DeliveryStatus;
}

export interface AcceptLimits {
  /** How many deliveries may be open. */
  readonly backlogMax: number;
  /** Past this time of the wall clock nothing of the call is committed, and it rejects with StoreUnavailableError. */
  readonly commitBy?: number;
}

export type AcceptResult =
  | { readonly kind: 'inserted'; readonly status: EventStatus; readonly deliveries: readonly DeliveryStanding[] }
  /** The same id and the same content is stored already, here with its present standing. */
  | { readonly kind: 'duplicate'; readonly status: EventStatus; readonly deliveries: readonly DeliveryStanding[] }
  /** The same id is stored with other content. */
  | { readonly kind: 'conflict'; readonly stored: AcceptedEvent }
  /** There would be more open deliveries (pending or delivering) than the backlog limit; nothing of this event is stored. */
  | { readonly kind: 'full' };

export interface ClaimRequest {
  readonly destination: string;
  readonly limit: number;
  /** At most this many of them may be replays; left out: as many as `limit`. */
  readonly replayLimit?: number;
  readonly now: number;
  readonly leaseMs: number;
  /** Ids of deliveries that this claim leaves alone, also in `nextDueAt`. At most 16. */
  readonly except?: readonly number[];
}

export interface ClaimResult {
  /** Oldest due first; replays after live ones. */
  readonly claimed: readonly ClaimedDelivery[];
  /** Deliveries buried by this call because their attempt limit was used up. */
  readonly buried: readonly { readonly eventId: string; readonly clientId: string; readonly deliveryId: number }[];
  /** When the next open delivery of this destination that was not claimed falls due; null when there is none. Replays count only within `replayLimit`. */
  readonly nextDueAt: number | null;
}

/** The end of one attempt. `attempt` is the fence: it must be the delivery's current number. */
export interface Settlement {
  readonly deliveryId: number;
  readonly attempt: number;
  readonly at: number;
  /** Null when nothing was sent (the circuit opened between claim and call): the number is passed over, no attempt is recorded. */
  readonly record: AttemptRecord | null;
  readonly next:
    | { readonly status: 'delivered' }
    | {
        readonly status: 'pending';
        readonly dueAt: number;
        /** On the destination's retry clock, as in `ClaimedDelivery`. */
        readonly retryUntil: number | null;
        /** False for a held attempt: the attempt limit rises by one, so nothing is used up. */
        readonly burnsAttempt: boolean;
      }
    | { readonly status: 'dead'; readonly reason: DeadReason };
}

/** `stale`: another attempt has taken the delivery over, or it has ended; nothing was changed. */
export type SettleResult = 'applied' | 'stale';

export interface EventQuery {
  readonly clientId: string | null;
  readonly userId?: string;
  readonly eventName?: string;
  readonly status?: EventStatus;
  readonly destination?: string;
  /** Inclusive bounds on the event's time, in seconds. */
  readonly fromSeconds?: number;
  readonly toSeconds?: number;
  readonly limit: number;
  /** From the previous page; opaque to every caller. One that no page of this list gave is an AppError `validation_failed`. */
  readonly cursor?: string;
}

export interface DeliveryQuery {
  readonly status?: DeliveryStatus;
  readonly destination?: string;
  readonly eventName?: string;
  readonly clientId?: string;
  readonly eventId?: string;
  readonly deadReason?: DeadReason;
  readonly userId?: string;
  /** The HTTP status of the last attempt that has ended. */
  readonly httpStatus?: number;
  /** The error of the last attempt that has ended. */
  readonly error?: string;
  /** Inclusive bounds on when the delivery was created. */
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
  readonly cursor?: string;
}

/** A page may be shorter than its limit, even empty, and not be the last: one that finds little is cut so that it costs little. */
export interface Page<T> {
  readonly data: readonly T[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** Sends the named deliveries again. */
export interface ReplayCommand {
  readonly deliveryIds: readonly number[];
  readonly at: number;
  /** Deliveries in other states are left as they are. `delivered` only where the operator forced it. */
  readonly from: readonly ('dead' | 'delivered')[];
  readonly actor: string;
}

/** Ends the named deliveries for good. */
export interface DiscardCommand {
  readonly deliveryIds: readonly number[];
  readonly at: number;
  /** Deliveries in other states are left as they are. */
  readonly from: readonly ('dead' | 'pending')[];
  readonly actor: string;
  readonly reason: string;
}

export interface PruneCommand {
  /** Events accepted before this and with no open delivery go, with all that hangs on them. */
  readonly acceptedBefore: number;
  /** At most this many events in one call. */
  readonly limit: number;
}

/** What upkeep remembers of the wall clock, so that a process that starts can tell whether it moved while none ran. */
export interface ClockMark {
  /** The wall clock when upkeep last looked. */
  readonly seenAt: number;
  /** For how long gateways have run since the clock last moved by more than a day. */
  readonly steadyMs: number;
}

/** A fault found by `verify`. */
export interface StoreFault {
  readonly kind: 'checksum' | 'state' | 'points' | 'tally' | 'engine';
  readonly detail: string;
}

/** The store could not commit (full, read-only, I/O error, locked, closed). Nothing is known to be stored. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  constructor(
    message: string,
    /** The last fsync failed: pages may be lost without a word, so the process must stop. */
    readonly isFsyncFailure: boolean,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Events, idempotency, deliveries, dead letters and points, in one place and one commit.
 *
 * Every verb that changes something is one transaction, durable (fsynced) when its promise resolves; when it rejects, with
 * StoreUnavailableError, none of it is visible, except that a commit whose end was not seen may have happened: the same call
 * repeated is then answered as a success. Time is an argument, but for `commitBy`, which is held against the clock once nobody else can write.
 * Results stand in the order of the arguments.
 */
export interface EventStore {
  /**
   * Commits any number of events with their idempotency record, deliveries and points in one transaction. The unique
   * constraint on (client, event id) decides what is new; two equal ids in one call are one event and a duplicate.
   * An event that is not `inserted` changes nothing. A text with U+0000 or a lone surrogate, a number that is no safe integer,
   * two deliveries for one destination or over 100 of them throw and refuse the whole call: validation keeps them out.
   */
  accept(events: readonly NewEvent[], limits: AcceptLimits): Promise<AcceptResult[]>;
  /**
   * Takes up to `limit` due deliveries of one destination: status `delivering`, due at `now + leaseMs`, attempt number + 1.
   * One whose lease ran out is taken the same way, and its lost attempt is recorded (`lease_expired`). One whose attempt limit is used up is buried.
   */
  claimDue(request: ClaimRequest): Promise<ClaimResult>;
  /** Records attempts and moves their deliveries on, all in one transaction, each only past its fence. */
  settle(settlements: readonly Settlement[]): Promise<SettleResult[]>;
  /** Where several clients have the id and none is named: the event that was accepted first. */
  find(key: EventKey): Promise<EventView | null>;
  /** Newest accepted first. */
  list(query: EventQuery): Promise<Page<EventView>>;
  /** Newest created first. */
  listDeliveries(query: DeliveryQuery): Promise<Page<DeliveryView>>;
  /** Every recorded attempt of the event's deliveries, oldest first; null when there is no such event. */
  attempts(key: EventKey): Promise<AttemptView[] | null>;
  /**
   * Back to pending, due at once, with a raised attempt limit and a new retry period; numbers go on. Recorded as the
   * actor's action when any moved. Returns how many moved.
   */
  replay(command: ReplayCommand): Promise<number>;
  /**
   * `dead → discarded`, which keeps the reason of the death, and `pending → discarded`, whose reason is `discarded`. Recorded as
   * the actor's action when any moved. Returns how many moved.
   */
  discard(command: DiscardCommand): Promise<number>;
  /** What this user has done, by event name. Cost is in the number of names, not of events. */
  points(userId: string): Promise<PointsCount[]>;
  countByStatus(): Promise<StatusCount[]>;
  /** By destination and reason; counted with each attempt that is recorded so, and kept when its event goes. */
  possibleDuplicates(): Promise<PossibleDuplicateCount[]>;
  holds(): Promise<Hold[]>;
  /**
   * Sets the destination's hold, or clears it with null; recorded as the actor's action. The time of the hold that this ends
   * is added to the destination's `heldMs`: until the new hold's `since`, or until `action.at` where there is none.
   */
  setHold(destination: string, hold: Hold | null, action: OperatorAction): Promise<void>;
  /** By destination; one that was never held is left out. Read in one moment. */
  heldMs(): Promise<HeldTime[]>;
  /** Adds to the destination's `heldMs` a time in which it was held without a stored hold. `ms` is a whole number, at least 0. */
  addHeld(destination: string, ms: number): Promise<void>;
  /** Newest first. The oldest make room: a store keeps the last 100 000. */
  actions(limit: number): Promise<OperatorAction[]>;
  recordAction(action: OperatorAction): Promise<void>;
  /**
   * Returns how many events went. Their points stay counted. A call may pass over a bounded number of old events that must stay
   * and go on from there in the next; 0 does not promise that nothing is left.
   */
  prune(command: PruneCommand): Promise<number>;
  /** What `markClock` wrote last; where it never could, the acceptance of the oldest event there is; null for a store without events. */
  clockMark(): Promise<ClockMark | null>;
  markClock(mark: ClockMark): Promise<void>;
  /** Reads everything and checks it: checksums, states, points and counts against the rows. Yields each fault. */
  verify(onProgress?: (checkedEvents: number) => void): AsyncIterable<StoreFault>;
  /** Commits a probe; rejects while the store cannot. */
  check(): Promise<void>;
  close(): Promise<void>;
}
