import type { MemoryEventStore } from '../../src/external-services/memory-event-store';
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
} from '../../src/interfaces/event-store';
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
} from '../../src/types/delivery';
import type { EventKey, PointsCount } from '../../src/types/event';
import type { SimulatedDisk } from './simulated-disk';
import type { SimulatedProcess } from './simulated-process';

/** What the checker is told of the store's calls. Times are monotonic. */
export interface StoreWatch {
  claimed(destination: string, askedAt: number, deliveries: readonly ClaimedDelivery[]): void;
  settled(process: SimulatedProcess, isStored: boolean): void;
  replayed(deliveryIds: readonly number[]): void;
}

/** One process's connection to the disk: what changes something is a transaction there, what reads waits for no lock. */
export class SimulatedStore implements EventStore {
  constructor(
    private readonly disk: SimulatedDisk,
    private readonly memory: MemoryEventStore,
    private readonly process: SimulatedProcess,
    private readonly watch: StoreWatch,
  ) {}

  accept(events: readonly NewEvent[], limits: AcceptLimits): Promise<AcceptResult[]> {
    return this.write('accept', () => this.memory.accept(events, limits));
  }

  async claimDue(request: ClaimRequest): Promise<ClaimResult> {
    const askedAt = this.process.monotonic();
    const result = await this.write('claimDue', () => this.memory.claimDue(request));
    this.watch.claimed(request.destination, askedAt, result.claimed);
    return result;
  }

  async settle(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    try {
      const results = await this.write('settle', () => this.memory.settle(settlements));
      this.watch.settled(this.process, true);
      return results;
    } catch (error) {
      this.watch.settled(this.process, false);
      throw error;
    }
  }

  find(key: EventKey): Promise<EventView | null> {
    return this.read(() => this.memory.find(key));
  }

  list(query: EventQuery): Promise<Page<EventView>> {
    return this.read(() => this.memory.list(query));
  }

  listDeliveries(query: DeliveryQuery): Promise<Page<DeliveryView>> {
    return this.read(() => this.memory.listDeliveries(query));
  }

  attempts(key: EventKey): Promise<AttemptView[] | null> {
    return this.read(() => this.memory.attempts(key));
  }

  replay(command: ReplayCommand): Promise<number> {
    return this.write('replay', () => {
      const { deliveries } = this.memory.snapshot();
      const statusOf = (id: number) => deliveries.get(id)?.status;
      this.watch.replayed(command.deliveryIds.filter((id) => command.from.some((status) => status === statusOf(id))));
      return this.memory.replay(command);
    });
  }

  discard(command: DiscardCommand): Promise<number> {
    return this.write('discard', () => this.memory.discard(command));
  }

  points(userId: string): Promise<PointsCount[]> {
    return this.read(() => this.memory.points(userId));
  }

  countByStatus(): Promise<StatusCount[]> {
    return this.read(() => this.memory.countByStatus());
  }

  possibleDuplicates(): Promise<PossibleDuplicateCount[]> {
    return this.read(() => this.memory.possibleDuplicates());
  }

  holds(): Promise<Hold[]> {
    return this.read(() => this.memory.holds());
  }

  setHold(destination: string, hold: Hold | null, action: OperatorAction): Promise<void> {
    return this.write('setHold', () => this.memory.setHold(destination, hold, action));
  }

  heldMs(): Promise<HeldTime[]> {
    return this.read(() => this.memory.heldMs());
  }

  addHeld(destination: string, ms: number): Promise<void> {
    return this.write('addHeld', () => this.memory.addHeld(destination, ms));
  }

  actions(limit: number): Promise<OperatorAction[]> {
    return this.read(() => this.memory.actions(limit));
  }

  recordAction(action: OperatorAction): Promise<void> {
    return this.write('recordAction', () => this.memory.recordAction(action));
  }

  prune(command: PruneCommand): Promise<number> {
    return this.write('prune', () => this.memory.prune(command));
  }

  clockMark(): Promise<ClockMark | null> {
    return this.read(() => this.memory.clockMark());
  }

  markClock(mark: ClockMark): Promise<void> {
    return this.write('markClock', () => this.memory.markClock(mark));
  }

  verify(onProgress?: (checkedEvents: number) => void): AsyncIterable<StoreFault> {
    return this.memory.verify(onProgress);
  }

  check(): Promise<void> {
    return this.write('check', () => this.memory.check());
  }

  async close(): Promise<void> {
    // The disk stays; a connection has nothing of its own.
  }

  private write<T>(verb: string, commit: () => Promise<T>): Promise<T> {
    return this.disk.write(this.process, verb, commit);
  }

  private read<T>(look: () => Promise<T>): Promise<T> {
    return this.disk.read(this.process, look);
  }
}
