import type {
  AcceptResult,
  DeliveriesStore,
  EventsStore,
  EventStore,
  NewEvent,
  OperatorStore,
  UpkeepStore,
} from '../../src/interfaces/event-store';
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import type { Runtime } from '../../src/interfaces/runtime';
import {
  assertFewExcepted,
  assertHeldTime,
  assertInTime,
  assertStorable,
  DEFAULT_ACTIONS_MAX,
  DEFAULT_ATTEMPT_LIMIT,
  describeDeliveries,
  heartbeatOf,
  heldTimeOf,
} from '../../src/external-services/stores/rules';
import { systemRuntime } from '../../src/external-services/system-runtime';
import type { ClaimedDelivery, OperatorAction, PossibleDuplicateCount } from '../../src/types/delivery';
import type { DeliveryStatus } from '../../src/types/event';
import {
  countByStatus,
  deliveriesOf,
  findDue,
  findEvent,
  heldTimes,
  listDeliveries,
  listEvents,
  pointsOf,
  receiptOf,
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

  readonly events: EventsStore = {
    accept: async (events, limits) => {
      const state = this.open();
      events.forEach(assertStorable);
      assertInTime(limits.commitBy, (this.options.runtime ?? systemRuntime).now());
      return events.map((newEvent) => this.acceptOne(state, newEvent, limits.backlogMax));
    },
    find: async (key) => {
      const stored = findEvent(this.open(), key);
      return stored === undefined ? null : viewEvent(this.state, stored);
    },
    list: async (query) => listEvents(this.open(), query),
    attempts: async (key) => {
      const stored = findEvent(this.open(), key);
      return stored === undefined ? null : viewAttempts(this.state, stored);
    },
    points: async (userId) => pointsOf(this.open(), userId),
  };

  readonly deliveries: DeliveriesStore = {
    claimDue: async (request) => {
      const state = this.open();
      assertFewExcepted(request.except ?? []);
      const { due, nextDueAt } = findDue(state, request);
      const taken = due.map((delivery) => this.takeOne(state, delivery, request.now, request.now + request.leaseMs));
      const claimed = taken.flatMap((one) => one.claimed ?? []);
      return { claimed, buried: taken.flatMap((one) => one.buried ?? []), nextDueAt };
    },
    settle: async (settlements) => {
      const state = this.open();
      return settlements.map((settlement) => {
        const delivery = state.deliveries.get(settlement.deliveryId);
        if (delivery?.status !== 'delivering' || delivery.attempts !== settlement.attempt) return 'stale';
        changeDelivery(state, delivery, afterSettlement(delivery, settlement));
        return 'applied';
      });
    },
    list: async (query) => listDeliveries(this.open(), query),
    countByStatus: async () => countByStatus(this.open()),
    possibleDuplicates: async () => {
      const keyOf = ({ destination, reason }: PossibleDuplicateCount) => `${destination}\n${reason}`;
      return [...this.open().possibleDuplicates.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    },
  };

  readonly operator: OperatorStore = {
    replay: async ({ deliveryIds, at, from, actor }) => {
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
      if (moved.length > 0)
        this.addAction(this.open(), { at, actor, action: 'replay', detail: describeDeliveries(moved) });
      return moved.length;
    },
    discard: async ({ deliveryIds, at, from, actor, reason }) => {
      const moved = this.moveAll(deliveryIds, from, ({ deadReason }) => ({
        ...{ status: 'discarded', dueAt: null, retryUntil: null, deadReason: deadReason ?? 'discarded' },
      }));
      const detail = `${describeDeliveries(moved)}; ${reason}`;
      if (moved.length > 0) this.addAction(this.open(), { at, actor, action: 'discard', detail });
      return moved.length;
    },
    holds: async () => [...this.open().holds.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1)),
    setHold: async (destination, hold, action) => {
      const state = this.open();
      const ended = state.holds.get(destination);
      if (ended !== undefined) addHeld(state, destination, heldTimeOf(ended.since, hold?.since ?? action.at));
      if (hold === null) state.holds.delete(destination);
      else state.holds.set(destination, { ...hold, destination });
      this.addAction(state, action);
    },
    heldMs: async () => heldTimes(this.open()),
    addHeld: async (destination, ms) => {
      assertHeldTime(ms);
      addHeld(this.open(), destination, ms);
    },
    actions: async (limit) => this.open().actions.toReversed().slice(0, limit),
    recordAction: async (action) => {
      this.addAction(this.open(), action);
    },
    actionCount: async () => this.open().actionCount,
  };

  readonly upkeep: UpkeepStore = {
    prune: async ({ acceptedBefore, limit }) => {
      const state = this.open();
      const prunable = [...state.events.values()]
        .filter(({ event }) => event.acceptedAt < acceptedBefore)
        .filter((stored) => deliveriesOf(state, stored).every(({ dueAt }) => dueAt === null))
        .slice(0, limit);
      for (const stored of prunable) removeEvent(state, stored);
      return prunable.length;
    },
    heartbeat: async () => {
      const { heartbeat, events } = this.open();
      return heartbeat ?? heartbeatOf(events.values().next().value?.event);
    },
    recordHeartbeat: async (heartbeat) => {
      this.open().heartbeat = heartbeat;
    },
    check: async () => {
      this.open().probes += 1;
    },
    close: async () => {
      this.isClosed = true;
    },
  };

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
      return { kind: 'duplicate', ...receiptOf(deliveriesOf(state, stored)) };
    }
    const wanted = newEvent.deliveries.length;
    if (wanted > 0 && state.openIds.size + wanted > backlogMax) return { kind: 'full' };
    insertEvent(state, newEvent, this.options.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT);
    const deliveries = newEvent.deliveries.map(({ destination }) => ({ destination, status: 'pending' as const }));
    return { kind: 'inserted', ...receiptOf(deliveries) };
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
