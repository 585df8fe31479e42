import { createHash } from 'node:crypto';
import * as fsyncGuard from '../../src/external-services/fsync-guard';
import { MemoryEventStore, type MemoryStoreOptions } from '../../src/external-services/memory-event-store';
import type { Destination } from '../../src/interfaces/destination';
import type {
  AcceptResult,
  ClaimRequest,
  ClaimResult,
  EventStore,
  NewEvent,
  ReplayCommand,
  Settlement,
  SettleResult,
} from '../../src/interfaces/event-store';
import type { Runtime } from '../../src/interfaces/runtime';
import { Blame } from '../../src/services/delivery/blame';
import { DeliveryLane } from '../../src/services/delivery/delivery-lane';
import { DeliveryWorker } from '../../src/services/delivery/delivery-worker';
import { OutcomeRecorder } from '../../src/services/delivery/outcome-recorder';
import * as backoff from '../../src/services/resilience/backoff';
import { Circuit } from '../../src/services/resilience/circuit';
import type { PlantedFault } from './simulation';

/** A known mistake, made on purpose in the simulation's adapters or, for as long as it runs, in a module of the service. */
export interface PlantedBug {
  readonly name: string;
  /** What must notice it: the beginning of the promise that is broken first. */
  readonly breaks: RegExp;
  readonly fault: PlantedFault;
  /** Changes the service itself; jest puts it back. */
  readonly patch?: () => void;
}

/** Whoever names a delivery settles it, whatever the number of the attempt. */
class UnfencedStore extends MemoryEventStore {
  override settle(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    const { deliveries } = this.snapshot();
    const attemptOf = ({ deliveryId, attempt }: Settlement) => deliveries.get(deliveryId)?.attempts ?? attempt;
    return super.settle(settlements.map((settlement) => ({ ...settlement, attempt: attemptOf(settlement) })));
  }
}

/** A claim takes no lease: the next one takes the same. */
class LeaselessStore extends MemoryEventStore {
  override async claimDue(request: ClaimRequest): Promise<ClaimResult> {
    const result = await super.claimDue({ ...request, leaseMs: 0 });
    const leaseUntil = request.now + request.leaseMs;
    return { ...result, claimed: result.claimed.map((delivery) => ({ ...delivery, leaseUntil })) };
  }
}

/** What was passed over uses up an attempt all the same. */
class BurningStore extends MemoryEventStore {
  override settle(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    const burning = settlements.map((settlement) =>
      settlement.next.status === 'pending'
        ? { ...settlement, next: { ...settlement.next, burnsAttempt: true } }
        : settlement,
    );
    return super.settle(burning);
  }
}

/** It takes whatever it reads for what was stored. */
class UncheckedStore extends MemoryEventStore {
  override async claimDue(request: ClaimRequest): Promise<ClaimResult> {
    const result = await super.claimDue(request);
    const checksumOf = ({ payload }: { readonly payload: Buffer }) => createHash('sha256').update(payload).digest();
    return { ...result, claimed: result.claimed.map((delivery) => ({ ...delivery, checksum: checksumOf(delivery) })) };
  }
}

/** A replay counts from 1 again. */
class ForgetfulStore extends MemoryEventStore {
  override async replay(command: ReplayCommand): Promise<number> {
    const moving = super.replay(command);
    const state = this.snapshot();
    for (const id of command.deliveryIds) {
      const delivery = state.deliveries.get(id);
      if (delivery?.status === 'pending') state.deliveries.set(id, { ...delivery, attempts: 0 });
    }
    this.restore(state);
    return moving;
  }
}

/** A process that starts knows nothing of the clock that the last one saw. */
class MarklessStore extends MemoryEventStore {
  override clockMark(): Promise<null> {
    return Promise.resolve(null);
  }
}

function withAccept(store: EventStore, accept: EventStore['accept']): EventStore {
  return Object.assign(Object.create(store) as EventStore, { accept });
}

/** Commits however late it is. */
function neverTooLate(store: EventStore): EventStore {
  return withAccept(store, (events, { backlogMax }) => store.accept(events, { backlogMax }));
}

/** Says yes and stores afterwards. */
function answeringFirst(store: EventStore): EventStore {
  return withAccept(store, async (events, limits) => {
    store.accept(events, limits).catch(() => undefined);
    return events.map(({ deliveries }): AcceptResult => {
      const standing = deliveries.map(({ destination }) => ({ destination, status: 'pending' as const }));
      return { kind: 'inserted', status: 'pending', deliveries: standing };
    });
  });
}

/** Remembers an id in one transaction and stores its event in the next. */
function reservingFirst(): (store: EventStore) => EventStore {
  const reserved = new Set<string>();
  const keyOf = ({ event }: NewEvent) => `${event.clientId} ${event.eventId}`;
  return (store) =>
    withAccept(store, async (events, limits) => {
      const isNew = events.map((event) => !reserved.has(keyOf(event)));
      await store.check();
      for (const event of events) reserved.add(keyOf(event));
      const fresh = await store.accept(
        events.filter((_event, index) => isNew[index]),
        limits,
      );
      return isNew.map((isFresh) => (isFresh ? fresh.shift() : undefined) ?? KNOWN);
    });
}

const KNOWN: AcceptResult = { kind: 'duplicate', status: 'pending', deliveries: [] };

/** Makes the payload anew for each attempt, with what it knows then. */
function remakingPayloads(destination: Destination, runtime: Runtime): Destination {
  const send = destination.send.bind(destination);
  destination.send = (parcels, signal) => {
    const remade = parcels.map((parcel) => {
      const payload = JSON.parse(parcel.payload.toString()) as object;
      return { ...parcel, payload: Buffer.from(JSON.stringify({ ...payload, sent: runtime.now() })) };
    });
    return send(remade, signal);
  };
  return destination;
}

function takingAnyAnswer(destination: Destination): Destination {
  destination.isAccepted = () => true;
  return destination;
}

type Next = Settlement['next'];

function withNext(store: EventStore, nextOf: (next: Next, at: number) => Next): EventStore {
  const settle: EventStore['settle'] = (settlements) =>
    store.settle(settlements.map((settlement) => ({ ...settlement, next: nextOf(settlement.next, settlement.at) })));
  return Object.assign(Object.create(store) as EventStore, { settle });
}

/** Tries again what was refused for good. */
function refusingNothing(store: EventStore): EventStore {
  return withNext(store, (next, dueAt) =>
    next.status === 'dead' && next.reason === 'rejected'
      ? { status: 'pending', dueAt, retryUntil: null, burnsAttempt: true }
      : next,
  );
}

/** What was refused is again the oldest that is due. */
function refusedFirst(store: EventStore): EventStore {
  return withNext(store, (next) => (next.status === 'pending' && !next.burnsAttempt ? { ...next, dueAt: 0 } : next));
}

/** Gives up where it should wait. */
function losingPatience(store: EventStore): EventStore {
  return withNext(store, (next) =>
    next.status === 'pending' && next.burnsAttempt ? { status: 'dead', reason: 'retries_exhausted' } : next,
  );
}

/** Cannot tell a clock that jumped from time that passed. */
function withoutMonotonicClock(runtime: Runtime): Runtime {
  return Object.assign(Object.create(runtime) as Runtime, { monotonic: () => runtime.now() });
}

const memoryOf = (Store: new (options: MemoryStoreOptions) => MemoryEventStore) => ({
  makeMemory: (options: MemoryStoreOptions) => new Store(options),
});

export const PLANTED_BUGS: readonly PlantedBug[] = [
  { name: 'synchronous NORMAL', breaks: /^[12358] /, fault: { isSyncedLazily: true } },
  { name: 'answer before commit', breaks: /^2 /, fault: { wrapStore: answeringFirst } },
  { name: 'no fencing', breaks: /^[1345] /, fault: memoryOf(UnfencedStore) },
  {
    name: 'reserve first',
    breaks: /^[28] /,
    get fault() {
      return { wrapStore: reservingFirst() };
    },
  },
  {
    name: 'unclamped Retry-After',
    breaks: /^3 /,
    fault: {},
    patch: () => {
      const real = backoff.retryAfterMs;
      jest
        .spyOn(backoff, 'retryAfterMs')
        .mockImplementation((header, nowMs) => real(header, nowMs, Number.MAX_SAFE_INTEGER));
    },
  },
  { name: 'follow redirects', breaks: /^1 /, fault: { redirectsAreFollowed: true } },
  { name: 'breaker that burns attempts', breaks: /^7 /, fault: memoryOf(BurningStore) },
  { name: 'replay that resets attempts', breaks: /^5 attempt numbers/, fault: memoryOf(ForgetfulStore) },
  { name: 'double claim', breaks: /^5 /, fault: memoryOf(LeaselessStore) },
  {
    name: 'lost nudge',
    breaks: /^7 nothing is delayed/,
    fault: {},
    patch: () => {
      // It wakes whoever sleeps, and is forgotten where nobody does.
      jest.spyOn(DeliveryLane.prototype, 'nudge').mockImplementation(function (this: DeliveryLane) {
        (this as unknown as { endWait: () => void }).endWait();
      });
    },
  },
  { name: 'purge on clock jump', breaks: /^8 /, fault: { retentionRuntime: withoutMonotonicClock } },
  { name: 'purge after a jump and a restart', breaks: /^[18] /, fault: memoryOf(MarklessStore) },
  { name: 'commit however late', breaks: /^8 /, fault: { wrapStore: neverTooLate } },
  { name: 'payload remade on retry', breaks: /^5 same bytes/, fault: { changeDestination: remakingPayloads } },
  { name: 'checksums that nobody checks', breaks: /^5 same bytes/, fault: memoryOf(UncheckedStore) },
  {
    name: 'sending while outcomes cannot be stored',
    breaks: /^6 /,
    fault: {},
    patch: () => jest.spyOn(OutcomeRecorder.prototype, 'canSend', 'get').mockReturnValue(true),
  },
  {
    name: 'going on after a failed fsync',
    breaks: /^6 /,
    fault: {},
    patch: () => jest.spyOn(fsyncGuard, 'guardAgainstFailedFsync').mockImplementation((store) => store),
  },
  {
    name: 'Retry-After that is not obeyed',
    breaks: /^7 Retry-After/,
    fault: {},
    patch: () => jest.spyOn(Circuit.prototype, 'pauseFor').mockReturnValue(undefined),
  },
  {
    name: 'holds that hold nothing',
    breaks: /^7 holds/,
    fault: {},
    patch: () => jest.spyOn(Circuit.prototype, 'hold').mockReturnValue(undefined),
  },
  {
    name: 'a reload that reloads nothing',
    breaks: /^3 every event ends/,
    fault: {},
    patch: () => jest.spyOn(DeliveryWorker.prototype, 'replace').mockResolvedValue(undefined),
  },
  {
    name: 'a refused event that probes for all',
    breaks: /^(7 neighbours|3 every event ends)/,
    fault: { wrapStore: refusedFirst },
    patch: () => {
      jest.spyOn(Blame.prototype, 'isOwn').mockReturnValue(false);
      jest.spyOn(Blame.prototype, 'allowsTrial').mockReturnValue(false);
      jest.spyOn(Blame.prototype, 'suspects').mockReturnValue([]);
    },
  },
  {
    name: 'refusals that are never an event’s own',
    breaks: /^3 every event ends/,
    fault: {},
    patch: () => jest.spyOn(Blame.prototype, 'isOwn').mockReturnValue(false),
  },
  { name: 'any 200 is a yes', breaks: /^1 /, fault: { changeDestination: takingAnyAnswer } },
  { name: 'retries that end too soon', breaks: /^3 retries go on/, fault: { wrapStore: losingPatience } },
  {
    name: 'a refusal that is tried again',
    breaks: /^7 a refusal is final/,
    fault: { wrapStore: refusingNothing },
  },
];
