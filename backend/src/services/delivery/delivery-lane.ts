import type { Destination } from '../../interfaces/destination';
import type { ClaimResult, EventStore, Settlement } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';
import type { ClaimedDelivery } from '../../types/delivery';
import type { EventFeed } from '../events/event-feed';
import type { Circuit } from '../resilience/circuit';
import { Pool } from '../resilience/pool';
import { attemptDeliveries, type AttemptParts, passOver, type RetrySchedule } from './attempt';
import { groupForCalls } from './batch-split';
import { Blame } from './blame';
import type { OutcomeRecorder } from './outcome-recorder';
import { Throttle } from './throttle';

export interface DeliverySettings {
  readonly leaseMs: number;
  readonly attemptTimeoutMs: number;
  readonly schedule: RetrySchedule;
  /** On stop, attempts in flight may go on for this long. */
  readonly drainMs: number;
}

export interface DeliveryLaneParts {
  readonly destination: Destination;
  readonly circuit: Circuit;
  readonly store: EventStore;
  readonly outcomes: OutcomeRecorder;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly log: Log;
  readonly settings: DeliverySettings;
  /** For how long this destination has been held in all. */
  readonly heldMs: () => number;
}

/** The store is asked this often at least: other processes may have put something there. */
const POLL_MS = 1_000;
const STORE_PAUSE_MS = 500;

/** At most this many deliveries in one claim, so that no commit of the store lasts long. */
const CLAIM_MAX = 1_000;

/**
 * While calls take at most this, deliveries are claimed ahead: they would otherwise wait longer for the store's commits than
 * for the destination.
 */
const QUICK_CALL_MS = 250;

/**
 * Sends the deliveries of one destination. Invariant: at most `concurrency` calls are in flight, and each delivery only under
 * its lease.
 *
 * A loop claims what there is room for, begins its attempts and waits: for a nudge, for the time at which something falls due,
 * for the circuit, or for POLL_MS. How much room there is depends on the mode, which is looked up at every turn of the loop:
 *
 * - *Sending*: the circuit is closed. As many deliveries as there are free places, in batches as the contract allows. Entered
 *   at the start and when the circuit closes; left when it opens, pauses or is held.
 * - *Sending ahead*: the same, and the last call was quick: as many again are claimed and wait in `calls` for a place. Left
 *   with the first call that takes longer than QUICK_CALL_MS.
 * - *Trying*: the circuit is open or paused by the word of too few events (blame.ts). One delivery at a time that is none of
 *   those. Left when one passes, which closes the circuit, or when enough of them fail.
 * - *Probing*: the circuit is half-open. As many single deliveries as it permits, first those that have not failed.
 * - *Barred*: the circuit is open, paused or held by the word of enough events or of an operator. Nothing is claimed; the loop
 *   wakes when the circuit changes.
 * - *Unable to record*: an outcome waits for a store that could not take it. Nothing is claimed, and what was claimed ahead
 *   is passed over. Left when the store has taken it.
 * - *Stopping*: nothing is claimed, what waits is passed over, and calls in flight end by themselves until they are cut.
 */
export class DeliveryLane implements Startable {
  private readonly inFlight = new Set<Promise<void>>();
  private readonly cut = new AbortController();
  private readonly throttle: Throttle;
  private readonly blame = new Blame();
  /** The place in the sequence of blame at which the circuit was last opened. */
  private openedAt = 0;
  private readonly attemptParts: AttemptParts;
  /**
   * What was claimed ahead waits here for its place; also what was claimed for few calls and needs more, since some of it has
   * failed before and goes in smaller groups.
   */
  private readonly calls: Pool;
  /** The last call took at most QUICK_CALL_MS. */
  private isQuick = false;
  private loop: Promise<void> | null = null;
  private isStopping = false;
  private isWoken = false;
  private mayHaveMore = true;
  private endWait: () => void = () => undefined;
  private replaysInFlight = 0;

  /** At most this many deliveries in one call; less than the contract allows while splitting a batch takes longer than a lease. */
  private maxBatch: number;

  constructor(private readonly parts: DeliveryLaneParts) {
    this.throttle = new Throttle(parts.runtime, parts.destination);
    this.calls = new Pool({ size: parts.destination.concurrency, maxWaiting: CLAIM_MAX });
    this.maxBatch = parts.destination.contract.maxBatch;
    this.attemptParts = {
      ...parts,
      ...parts.settings,
      throttle: this.throttle,
      blame: this.blame,
      cut: this.cut.signal,
    };
  }

  start(): Promise<void> {
    this.parts.circuit.onChange((change) => {
      this.parts.log.warn({ destination: this.parts.destination.name, ...change }, 'circuit.changed');
      // Calls of others have passed since this was opened; what failed later may have failed after them.
      if (change.cause === 'passed_elsewhere') this.blame.passed(this.openedAt);
      else if (change.from === 'CLOSED' && change.to === 'OPEN') this.openedAt = this.blame.begin();
      this.nudge();
    });
    this.loop ??= this.run();
    return Promise.resolve();
  }

  /** Something may be due. */
  nudge(): void {
    this.isWoken = true;
    this.endWait();
  }

  /** Claims no more and lets what is in flight end by itself for `patienceMs`; then ends it. Asked again, it may do so sooner. */
  async stop(patienceMs = this.parts.settings.drainMs): Promise<void> {
    this.isStopping = true;
    this.nudge();
    await this.loop;
    const cancelTimer = this.parts.runtime.after(patienceMs, () => this.cut.abort('shutdown'));
    await Promise.all(this.inFlight);
    cancelTimer();
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      this.isWoken = false;
      let waitMs = POLL_MS;
      const room = this.room();
      if (room > 0) {
        const result = await this.claim(room);
        if (result === null) {
          await this.wait(STORE_PAUSE_MS);
          continue;
        }
        this.beginAll(result.claimed);
        this.mayHaveMore = result.claimed.length === room;
        if (result.nextDueAt !== null) waitMs = Math.min(waitMs, result.nextDueAt - this.parts.runtime.now());
      } else {
        this.mayHaveMore = true;
        if (this.throttle.callsNow() === 0) waitMs = Math.min(waitMs, this.throttle.waitMs());
      }
      await this.wait(Math.min(waitMs, this.circuitWaitMs()));
      // Attempts that end together are settled together, and their places are filled by one claim.
      await this.parts.runtime.turn();
    }
  }

  private room(): number {
    const { destination, circuit, outcomes } = this.parts;
    if (!outcomes.canSend) return 0;
    const permits = circuit.permits() || this.trials();
    const ahead = this.isQuick && permits === Infinity ? destination.concurrency : 0;
    const places = destination.concurrency + ahead - this.inFlight.size;
    // Each claim is a commit: ahead, there is time to wait until it is worth one.
    if (places < ahead / 2) return 0;
    const calls = Math.min(places, permits, this.throttle.callsNow() - this.calls.waiting);
    return Math.min(Math.max(0, calls) * this.batchMax(), CLAIM_MAX);
  }

  /** A probe is one event, and so is a call while anything speaks against the destination: a batch could hold what does. */
  private batchMax(): number {
    return this.parts.circuit.permits() === Infinity && !this.blame.isSuspicious ? this.maxBatch : 1;
  }

  /** 1 where one delivery may be tried though the circuit bars the rest: too little speaks against the destination. */
  private trials(): number {
    const at = this.trialAt();
    return at !== null && at <= this.parts.runtime.monotonic() ? 1 : 0;
  }

  private trialAt(): number | null {
    const { circuit } = this.parts;
    return this.blame.allowsTrial(circuit.isPaused) ? circuit.trialAt() : null;
  }

  /** Replays get at most half of the places, so that a live event never waits for a crowd of them to end. */
  private replayRoom(): number {
    return Math.max(1, Math.floor(this.parts.destination.concurrency / 2)) * this.maxBatch - this.replaysInFlight;
  }

  private circuitWaitMs(): number {
    const now = this.parts.runtime.monotonic();
    const changeAt = this.parts.circuit.nextChangeAt() ?? Infinity;
    const trialAt = this.trialAt() ?? Infinity;
    return Math.min(POLL_MS, changeAt - now, trialAt > now ? trialAt - now : POLL_MS);
  }

  /** Null when the store could not say; it is asked again after a pause. */
  private async claim(limit: number): Promise<ClaimResult | null> {
    const { destination, circuit, log } = this.parts;
    try {
      // Those that have not failed by themselves go first: they say most, and would wait for nothing but the others' sake.
      const except = this.blame.suspects();
      const first = await this.claimBut(except, limit);
      const left = limit - first.claimed.length;
      // A trial is for none of them.
      if (except.length === 0 || left === 0 || circuit.permits() === 0) return first;
      const second = await this.claimBut([], left);
      return { ...second, claimed: [...first.claimed, ...second.claimed] };
    } catch (error) {
      log.error({ destination: destination.name, err: error }, 'delivery.claim_failed');
      return null;
    }
  }

  private async claimBut(except: readonly number[], limit: number): Promise<ClaimResult> {
    const { store, destination, runtime, settings } = this.parts;
    const replayLimit = this.replayRoom();
    const request = {
      destination: destination.name,
      limit,
      replayLimit,
      now: runtime.now(),
      leaseMs: settings.leaseMs,
    };
    const result = await store.deliveries.claimDue({ ...request, ...(except.length > 0 && { except }) });
    for (const { eventId, clientId } of result.buried) this.publishDead(eventId, clientId, 'attempts_exhausted');
    return result;
  }

  /** Retries beyond the budget are put off; the rest go, as many to a call as the destination takes. */
  private beginAll(claimed: readonly ClaimedDelivery[]): void {
    const { runtime } = this.parts;
    const now = runtime.now();
    const going: ClaimedDelivery[] = [];
    for (const delivery of claimed) {
      const postponeMs = this.throttle.postponeMs(delivery, this.parts.heldMs());
      if (postponeMs === 0) going.push(delivery);
      else this.track([delivery], this.finish(delivery, passOver(delivery, now, now + postponeMs)));
    }
    // What has failed by itself takes no others with it.
    const isAlone = ({ deliveryId }: ClaimedDelivery) => this.blame.hasFailedAlone(deliveryId);
    const together = groupForCalls(
      going.filter((delivery) => !isAlone(delivery)),
      this.batchMax(),
    );
    for (const group of [...together, ...groupForCalls(going.filter(isAlone), 1)])
      this.track(group, this.deliver(group));
  }

  private track(group: readonly ClaimedDelivery[], ending: Promise<void>): void {
    const replays = group.filter(({ isReplay }) => isReplay).length;
    const work = ending.finally(() => {
      this.inFlight.delete(work);
      this.replaysInFlight -= replays;
      if (this.mayHaveMore || replays > 0) this.nudge();
    });
    this.inFlight.add(work);
    this.replaysInFlight += replays;
  }

  private async deliver(group: readonly ClaimedDelivery[]): Promise<void> {
    // The place is the call's: the next begins while what became of this one is being recorded.
    const settlements = await this.calls.run(() => this.attempt(group));
    await Promise.all(
      group.map(async (delivery, index) => {
        const settlement = settlements[index];
        if (settlement !== undefined) await this.finish(delivery, settlement);
      }),
    );
  }

  private async attempt(group: readonly ClaimedDelivery[]): Promise<Settlement[]> {
    const { destination, runtime, outcomes } = this.parts;
    const now = runtime.now();
    // What was claimed ahead is not sent once nothing more may be.
    if (this.isStopping || !outcomes.canSend) return group.map((delivery) => passOver(delivery, now, now));
    const started = runtime.monotonic();
    const settlements = await attemptDeliveries(group, this.attemptParts);
    for (const { deliveryId, next } of settlements) if (next.status !== 'pending') this.blame.forget(deliveryId);
    this.isQuick = runtime.monotonic() - started <= QUICK_CALL_MS;
    const isWhole = settlements.every(({ record, next }) => record !== null || next.status === 'dead');
    const wasSent = settlements.some(({ record }) => record !== null);
    if (isWhole) this.maxBatch = Math.min(destination.contract.maxBatch, this.maxBatch * 2);
    else if (wasSent) this.maxBatch = Math.max(1, Math.floor(group.length / 4));
    return settlements;
  }

  private async finish(delivery: ClaimedDelivery, settlement: Settlement): Promise<void> {
    const { destination, log } = this.parts;
    const result = await this.parts.outcomes.record(settlement, delivery.eventId);
    const { record, next } = settlement;
    const fields = {
      eventId: delivery.eventId,
      destination: destination.name,
      attempt: delivery.attempt,
      status: next.status,
      ...(delivery.requestId !== null && { requestId: delivery.requestId }),
    };
    if (record !== null) {
      const { outcome, httpStatus, durationMs, error } = record;
      log.info(
        { ...fields, outcome, httpStatus, durationMs, ...(error !== null && { error }), result },
        'delivery.attempted',
      );
    } else if (next.status === 'dead') {
      log.warn({ ...fields, reason: next.reason, result }, 'delivery.buried');
    }
    if (result === 'applied') this.publish(delivery, settlement);
    if (next.status === 'pending') this.nudge();
  }

  private publish(delivery: ClaimedDelivery, { at, record, next }: Settlement): void {
    const { eventId, clientId, destination } = delivery;
    const common = { at, eventId, clientId, destination, status: next.status, record };
    const deadReason = next.status === 'dead' ? next.reason : null;
    if (record !== null) this.parts.feed.publish({ ...common, fact: 'attempted', deadReason });
    if (next.status !== 'pending') this.parts.feed.publish({ ...common, fact: next.status, deadReason });
  }

  private publishDead(eventId: string, clientId: string, deadReason: 'attempts_exhausted'): void {
    const { destination, runtime, feed, log } = this.parts;
    const common = { eventId, destination: destination.name };
    log.warn({ ...common, reason: deadReason }, 'delivery.buried');
    feed.publish({ ...common, fact: 'dead', at: runtime.now(), clientId, status: 'dead', record: null, deadReason });
  }

  /** Ends after `ms`, or at once when something woke the lane since the last look. */
  private wait(ms: number): Promise<void> {
    if (this.isWoken || this.isStopping) return Promise.resolve();
    return new Promise((resolve) => {
      const cancelTimer = this.parts.runtime.after(Math.max(1, ms), resolve);
      this.endWait = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}
