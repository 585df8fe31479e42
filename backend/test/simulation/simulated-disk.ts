import type { MemoryEventStore } from '../support/memory-event-store';
import type { MemoryStoreState } from '../support/memory-store-state';
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { Dice } from './dice';
import type { History } from './history';
import type { SimulatedProcess } from './simulated-process';

/** How likely each trouble is, for each transaction. */
export interface DiskFaults {
  /** Refused, nothing is stored. */
  readonly failBefore: number;
  /** Stored, and the caller is told that it was not. */
  readonly failAfter: number;
  /** The process dies just before the commit, or just after it and before the answer. */
  readonly crash: number;
  /** The fsync fails: whether it is stored nobody knows, and the process is told so. */
  readonly failedFsync: number;
  /** It takes seconds, at worst longer than a lease. */
  readonly slow: number;
}

export interface SimulatedDiskParts {
  readonly runtime: SimulatedRuntime;
  readonly dice: Dice;
  readonly history: History;
  readonly memory: MemoryEventStore;
  readonly kill: (process: SimulatedProcess, why: string) => void;
  readonly onCommit: (verb: string, process: SimulatedProcess) => void;
  /** A planted bug: what is committed reaches the disk only now and then. */
  readonly isSyncedLazily: boolean;
}

interface Transaction {
  readonly verb: string;
  readonly process: SimulatedProcess;
  readonly commit: () => Promise<unknown>;
  readonly resolve: (result: Promise<unknown>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The disk that the processes share, with one writer at a time. A transaction takes simulated time; when its process dies meanwhile, chance
 * says whether its commit had reached the disk. What was answered is there after any crash, unless the planted bug is in.
 */
export class SimulatedDisk {
  /** Null: a disk without faults. */
  faults: DiskFaults | null = null;
  /** It is full: it can be read and not written. */
  isFull = false;
  /** Deliveries whose payload is no longer what it was. */
  readonly corrupted = new Set<number>();
  /** Processes that were told of a failed fsync. */
  private readonly distrusted = new Set<SimulatedProcess>();
  private current: Transaction | null = null;
  private waiting: Transaction[] = [];
  private synced: MemoryStoreState;

  constructor(private readonly parts: SimulatedDiskParts) {
    this.synced = parts.memory.snapshot();
  }

  /** All that a reader would see now. */
  state(): MemoryStoreState {
    return this.parts.memory.snapshot();
  }

  write<T>(process: SimulatedProcess, verb: string, commit: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (process.isDead) return;
      if (this.distrusted.has(process))
        this.parts.history.violate('6 stop after a failed fsync', `${process.name} asks for ${verb}`);
      const settle = resolve as (result: Promise<unknown>) => void;
      this.waiting.push({ verb, process, commit, resolve: settle, reject });
      this.next();
    });
  }

  read<T>(process: SimulatedProcess, look: () => Promise<T>): Promise<T> {
    const { runtime, dice } = this.parts;
    return process.reply(runtime.sleep(dice.between(0, 2)).then(look));
  }

  /** Its lock is free at once, and what it was writing has reached the disk or has not. */
  processDied(process: SimulatedProcess): void {
    this.waiting = this.waiting.filter((transaction) => transaction.process !== process);
    const { current } = this;
    if (current?.process !== process) return;
    if (this.parts.dice.chance(0.3)) void this.commit(current);
    this.current = null;
    this.next();
  }

  /** What was never synced is gone. Every process must be dead. */
  losePower(): void {
    if (this.parts.isSyncedLazily) this.parts.memory.restore(this.synced);
  }

  /** A bit of a stored payload flips; nothing says so. */
  corrupt(): void {
    const { memory, dice, history } = this.parts;
    const state = memory.snapshot();
    if (state.openIds.size === 0) return;
    const delivery = state.deliveries.get(dice.pick([...state.openIds]));
    if (delivery === undefined) return;
    const payload = Buffer.from(delivery.payload);
    const place = dice.between(0, payload.length - 1);
    payload.writeUInt8((payload[place] ?? 0) ^ 1, place);
    history.note(`a bit flips in delivery ${delivery.id}`);
    this.corrupted.add(delivery.id);
    state.deliveries.set(delivery.id, { ...delivery, payload });
    memory.restore(state);
  }

  private next(): void {
    if (this.current !== null) return;
    const transaction = this.waiting.shift();
    if (transaction === undefined) return;
    this.current = transaction;
    this.parts.runtime.after(this.durationMs(), () => {
      if (this.current === transaction) this.finish(transaction);
    });
  }

  private durationMs(): number {
    const { dice } = this.parts;
    if (this.faults === null || !dice.chance(this.faults.slow)) return dice.between(1, 5);
    return dice.pick([200, 1_000, 3_000, 25_000]);
  }

  private finish(transaction: Transaction): void {
    const { runtime, dice } = this.parts;
    const { process, verb, resolve, reject } = transaction;
    const fails = this.faults !== null && dice.chance(this.faults.failBefore);
    const crashes = this.faults !== null && dice.chance(this.faults.crash);
    const answerIsLost = this.faults !== null && dice.chance(this.faults.failAfter);
    if (crashes && dice.chance(0.5)) return this.parts.kill(process, `before the commit of ${verb}`);
    const isUnsynced = this.faults !== null && dice.chance(this.faults.failedFsync);
    let answer = (): void => {
      if (isUnsynced) this.distrusted.add(process);
      reject(new StoreUnavailableError(`${verb}: disk I/O error`, isUnsynced));
    };
    if (!this.isFull && !fails && !(isUnsynced && dice.chance(0.5))) {
      const result = this.commit(transaction);
      if (!answerIsLost && !isUnsynced) answer = () => resolve(result);
    }
    this.current = null;
    if (crashes) this.parts.kill(process, `after the commit of ${verb}`);
    // Now and then another transaction is committed and answered before this one is.
    const answerMs = dice.chance(0.1) ? dice.between(5, 20) : dice.between(0, 2);
    runtime.after(answerMs, () => {
      process.run(answer);
    });
    this.next();
  }

  /** The memory store changes within the call, before its promise is looked at. */
  private commit({ verb, process, commit }: Transaction): Promise<unknown> {
    const { dice, memory } = this.parts;
    const result = commit();
    this.parts.onCommit(verb, process);
    if (this.parts.isSyncedLazily && dice.chance(0.1)) this.synced = memory.snapshot();
    result.catch(() => undefined);
    return result;
  }
}
