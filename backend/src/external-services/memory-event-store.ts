import type {
  AcceptLimits,
  AcceptResult,
  ClaimRequest,
  ClaimResult,
  ClockMark,
  DeliveryQuery,
  DiscardCommand,
  EventQuery,
  EventStore,
  NewEvent,
  Page,
  PruneCommand,
  ReplayCommand,
  Settlement,
  SettleResult,
  StoreFault,
} from '../interfaces/event-store';
import { StoreUnavailableError } from '../interfaces/event-store';
import type {
  AttemptView,
  ClaimedDelivery,
  DeliveryView,
  EventView,
  HeldTime,
  Hold,
  OperatorAction,
  PossibleDuplicateCount,
  StatusCount,
} from '../types/delivery';
import type { Runtime } from '../interfaces/runtime';
import type { DeliveryStatus, EventKey, PointsCount } from '../types/event';
import {
  assertFewExcepted,
  assertHeldTime,
  assertInTime,
  assertStorable,
  DEFAULT_ACTIONS_MAX,
  DEFAULT_ATTEMPT_LIMIT,
  describeDeliveries,
  heldTimeOf,
  markOf,
} from './event-store-rules';
import {
  countByStatus,
  deliveriesOf,
  findDue,
  findEvent,
  findFaults,
  heldTimes,
  listDeliveries,
  listEvents,
  pointsOf,
  standingOf,
  viewAttempts,
  viewEvent,
} from './memory-store-reads';
import type { MemoryStoreState, StoredDelivery } from './memory-store-state';
import {
  addAction,
  addHeld,
  afterSettlement,
  changeDelivery,
  copyState,
  emptyState,
  insertEvent,
  removeEvent,
  withLostAttempt,
} from './memory-store-state';
import { systemRuntime } from './system-runtime';

export interface MemoryStoreOptions {
  readonly attemptLimit?: number;
  readonly actionsMax?: number;
  readonly runtime?: Pick<Runtime, 'now'>;
}

/**
 * EventStore without a disk, for tests and simulations: the same semantics in the plainest form. Nothing of it survives the
 * process, so it is never what `STORE_URL` names.
 */
export class MemoryEventStore implements EventStore {
  private state = emptyState();
  private isClosed = false;

  constructor(private readonly options: MemoryStoreOptions = {}) {}

  /** Everything stored at this moment; later changes do not touch it. */
  snapshot(): MemoryStoreState {
    return copyState(this.state);
  }

  /** Puts back what `snapshot` took, and opens the store again: a process that starts anew on what its disk held. */
  restore(state: MemoryStoreState): void {
    this.state = copyState(state);
    this.isClosed = false;
  }

  async accept(events: readonly NewEvent[], limits: AcceptLimits): Promise<AcceptResult[]> {
    const state = this.open();
    events.forEach(assertStorable);
    assertInTime(limits.commitBy, (this.options.runtime ?? systemRuntime).now());
    return events.map((newEvent) => this.acceptOne(state, newEvent, limits.backlogMax));
  }

  async claimDue(request: ClaimRequest): Promise<ClaimResult> {
    const state = this.open();
    assertFewExcepted(request.except ?? []);
    const { due, nextDueAt } = findDue(state, request);
    const taken = due.map((delivery) => this.takeOne(state, delivery, request.now, request.now + request.leaseMs));
    const claimed = taken.flatMap((one) => one.claimed ?? []);
    return { claimed, buried: taken.flatMap((one) => one.buried ?? []), nextDueAt };
  }

  async settle(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    const state = this.open();
    return settlements.map((settlement) => {
      const delivery = state.deliveries.get(settlement.deliveryId);
      if (delivery?.status !== 'delivering' || delivery.attempts !== settlement.attempt) return 'stale';
      changeDelivery(state, delivery, afterSettlement(delivery, settlement));
      return 'applied';
    });
  }

  async find(key: EventKey): Promise<EventView | null> {
    const stored = findEvent(this.open(), key);
    return stored === undefined ? null : viewEvent(this.state, stored);
  }

  async list(query: EventQuery): Promise<Page<EventView>> {
    return listEvents(this.open(), query);
  }

  async listDeliveries(query: DeliveryQuery): Promise<Page<DeliveryView>> {
    return listDeliveries(this.open(), query);
  }

  async attempts(key: EventKey): Promise<AttemptView[] | null> {
    const stored = findEvent(this.open(), key);
    return stored === undefined ? null : viewAttempts(this.state, stored);
  }

  async replay({ deliveryIds, at, from, actor }: ReplayCommand): Promise<number> {
    const raise = this.options.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT;
    const moved = this.moveAll(deliveryIds, from, ({ attemptLimit }) => ({
      ...{
        status: 'pending',
        dueAt: at,
        attemptLimit: attemptLimit + raise,
        tries: 0,
        retryUntil: null,
        isReplay: true,
      },
      ...{ deliveredAt: null, deadReason: null },
    }));
    if (moved.length > 0) await this.recordAction({ at, actor, action: 'replay', detail: describeDeliveries(moved) });
    return moved.length;
  }

  async discard({ deliveryIds, at, from, actor, reason }: DiscardCommand): Promise<number> {
    const moved = this.moveAll(deliveryIds, from, ({ deadReason }) => ({
      ...{ status: 'discarded', dueAt: null, retryUntil: null, deadReason: deadReason ?? 'discarded' },
    }));
    const detail = `${describeDeliveries(moved)}; ${reason}`;
    if (moved.length > 0) await this.recordAction({ at, actor, action: 'discard', detail });
    return moved.length;
  }

  async points(userId: string): Promise<PointsCount[]> {
    return pointsOf(this.open(), userId);
  }

  async countByStatus(): Promise<StatusCount[]> {
    return countByStatus(this.open());
  }

  async possibleDuplicates(): Promise<PossibleDuplicateCount[]> {
    const keyOf = ({ destination, reason }: PossibleDuplicateCount) => `${destination}\n${reason}`;
    return [...this.open().possibleDuplicates.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  async holds(): Promise<Hold[]> {
    return [...this.open().holds.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1));
  }

  async setHold(destination: string, hold: Hold | null, action: OperatorAction): Promise<void> {
    const state = this.open();
    const ended = state.holds.get(destination);
    if (ended !== undefined) addHeld(state, destination, heldTimeOf(ended.since, hold?.since ?? action.at));
    if (hold === null) state.holds.delete(destination);
    else state.holds.set(destination, { ...hold, destination });
    this.addAction(state, action);
  }

  async heldMs(): Promise<HeldTime[]> {
    return heldTimes(this.open());
  }

  async addHeld(destination: string, ms: number): Promise<void> {
    assertHeldTime(ms);
    addHeld(this.open(), destination, ms);
  }

  async actions(limit: number): Promise<OperatorAction[]> {
    return this.open().actions.toReversed().slice(0, limit);
  }

  async recordAction(action: OperatorAction): Promise<void> {
    this.addAction(this.open(), action);
  }

  async prune({ acceptedBefore, limit }: PruneCommand): Promise<number> {
    const state = this.open();
    const prunable = [...state.events.values()]
      .filter(({ event }) => event.acceptedAt < acceptedBefore)
      .filter((stored) => deliveriesOf(state, stored).every(({ dueAt }) => dueAt === null))
      .slice(0, limit);
    for (const stored of prunable) removeEvent(state, stored);
    return prunable.length;
  }

  async clockMark(): Promise<ClockMark | null> {
    const { clockMark, events } = this.open();
    return clockMark ?? markOf(events.values().next().value?.event);
  }

  async markClock(mark: ClockMark): Promise<void> {
    this.open().clockMark = mark;
  }

  async *verify(onProgress: (checkedEvents: number) => void = () => undefined): AsyncGenerator<StoreFault> {
    const state = this.open();
    yield* findFaults(state);
    onProgress(state.events.size);
  }

  async check(): Promise<void> {
    this.open().probes += 1;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  private open(): MemoryStoreState {
    if (this.isClosed) throw new StoreUnavailableError('the store is closed', false);
    return this.state;
  }

  private addAction(state: MemoryStoreState, action: OperatorAction): void {
    addAction(state, action, this.options.actionsMax ?? DEFAULT_ACTIONS_MAX);
  }

  private acceptOne(state: MemoryStoreState, newEvent: NewEvent, backlogMax: number): AcceptResult {
    const stored = findEvent(state, newEvent.event);
    if (stored !== undefined) {
      if (!stored.fingerprint.equals(newEvent.fingerprint)) return { kind: 'conflict', stored: stored.event };
      return { kind: 'duplicate', ...standingOf(deliveriesOf(state, stored)) };
    }
    const wanted = newEvent.deliveries.length;
    if (wanted > 0 && state.openIds.size + wanted > backlogMax) return { kind: 'full' };
    insertEvent(state, newEvent, this.options.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT);
    const deliveries = newEvent.deliveries.map(({ destination }) => ({ destination, status: 'pending' as const }));
    return { kind: 'inserted', ...standingOf(deliveries) };
  }

  private takeOne(state: MemoryStoreState, delivery: StoredDelivery, now: number, leaseUntil: number) {
    const stored = state.events.get(delivery.row);
    if (stored === undefined) throw new Error(`delivery ${delivery.id} has no event`);
    const { eventId, clientId, eventName, eventTimeSeconds } = stored.event;
    const lost = delivery.status === 'delivering' ? withLostAttempt(delivery) : {};
    if (delivery.attempts >= delivery.attemptLimit) {
      const ended = { dueAt: null, claimedAt: null, deadReason: 'attempts_exhausted' } as const;
      changeDelivery(state, delivery, { ...lost, ...ended, status: 'dead' });
      return { buried: { eventId, clientId, deliveryId: delivery.id } };
    }
    const [attempt, tries] = [delivery.attempts + 1, delivery.tries + 1];
    const lease = { status: 'delivering', dueAt: leaseUntil, claimedAt: now } as const;
    changeDelivery(state, delivery, { ...lost, ...lease, attempts: attempt, tries });
    const { id: deliveryId, destination, payload, checksum, retryUntil, isReplay } = delivery;
    const event = { eventId, clientId, eventName, eventTimeSeconds, requestId: stored.requestId };
    const rest = { destination, payload, checksum, retryUntil, isReplay, attempt, tries, leaseUntil };
    return { claimed: { deliveryId, ...event, ...rest } satisfies ClaimedDelivery };
  }

  private moveAll(
    ids: readonly number[],
    from: readonly DeliveryStatus[],
    changeOf: (delivery: StoredDelivery) => Partial<StoredDelivery>,
  ): number[] {
    const state = this.open();
    return ids.filter((id) => {
      const delivery = state.deliveries.get(id);
      if (delivery === undefined || !from.includes(delivery.status)) return false;
      changeDelivery(state, delivery, changeOf(delivery));
      return true;
    });
  }
}
