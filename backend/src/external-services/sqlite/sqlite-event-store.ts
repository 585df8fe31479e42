import { resolve } from 'node:path';
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
} from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type {
  AttemptView,
  DeliveryView,
  EventView,
  HeldTime,
  Hold,
  OperatorAction,
  PossibleDuplicateCount,
  StatusCount,
} from '../../types/delivery';
import type { EventKey, PointsCount } from '../../types/event';
import { DEFAULT_ACTIONS_MAX, DEFAULT_ATTEMPT_LIMIT } from '../event-store-rules';
import { AcceptVerb } from './accept-verb';
import { DeliveryVerbs } from './delivery-verbs';
import { ListDeliveries } from './list-deliveries';
import { ListEvents } from './list-events';
import { OperateVerbs } from './operate-verbs';
import { ReadVerbs } from './read-verbs';
import type { SqliteConnection } from './sqlite-connection';
import { openConnection, openReader } from './sqlite-connection';
import { makeDatabaseFile } from './sqlite-folder';
import { toStoreError } from './sqlite-errors';
import { migrate, shippedMigrations } from './sqlite-migrations';
import { Tallies } from './tallies';
import { UpkeepVerbs } from './upkeep-verbs';
import { verifyStore } from './verify';

export interface SqliteStoreOptions {
  /** The database file. Its folder is made when there is none. It must be on a local disk. */
  readonly path: string;
  readonly log: Log;
  readonly runtime: Runtime;
  /** The folder of the numbered migrations; those that come with the program unless a test says otherwise. */
  readonly migrationsDir?: string;
  /** A delivery that has used up this many attempts is buried. */
  readonly attemptLimit?: number;
  /** So many acts of operators are kept, the newest. */
  readonly actionsMax?: number;
  /** For how long a call may wait (and block) for another process's transaction. */
  readonly busyTimeoutMs?: number;
  /** About how many rows a page of a list may look at before it is cut. */
  readonly listWalkRows?: number;
}

/** Opens the store: makes the file, brings its schema up to date, asserts that its commits are durable. */
export async function openSqliteEventStore(options: SqliteStoreOptions): Promise<SqliteEventStore> {
  if (options.path === '' || options.path.includes(':memory:')) {
    throw new Error(
      'a SQLite store needs the path of a file, like sqlite:./data/gateway.db: memory would lose what is accepted',
    );
  }
  const path = resolve(options.path);
  const busyTimeoutMs = options.busyTimeoutMs ?? 2000;
  makeDatabaseFile(path);
  const connection = await openConnection({ ...options, path, busyTimeoutMs });
  try {
    migrate(connection, options.migrationsDir ?? shippedMigrations(), options.log);
    return new SqliteEventStore(connection, { ...options, path, busyTimeoutMs });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * EventStore in one SQLite file. Every call runs to its end on the calling thread: a commit of 100 events blocks it for a few
 * milliseconds. Several processes may share the file; the write lock makes them take turns.
 */
export class SqliteEventStore implements EventStore {
  private readonly tallies: Tallies;
  private readonly accepting: AcceptVerb;
  private readonly delivering: DeliveryVerbs;
  private readonly reading: ReadVerbs;
  private readonly listingEvents: ListEvents;
  private readonly listingDeliveries: ListDeliveries;
  private readonly operating: OperateVerbs;
  private readonly upkeep: UpkeepVerbs;

  /** Over a connection whose schema is up to date; closing the store closes it. */
  constructor(
    private readonly connection: SqliteConnection,
    private readonly options: SqliteStoreOptions,
  ) {
    const attemptLimit = options.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT;
    const listWalkRows = options.listWalkRows ?? 10_000;
    this.tallies = new Tallies(connection);
    this.accepting = new AcceptVerb(connection, this.tallies, options.runtime, attemptLimit);
    this.delivering = new DeliveryVerbs(connection, this.tallies);
    this.reading = new ReadVerbs(connection);
    this.listingEvents = new ListEvents(connection, this.reading, listWalkRows);
    this.listingDeliveries = new ListDeliveries(connection, this.reading, listWalkRows);
    const actionsMax = options.actionsMax ?? DEFAULT_ACTIONS_MAX;
    this.operating = new OperateVerbs(connection, this.tallies, { attemptLimit, actionsMax });
    this.upkeep = new UpkeepVerbs(connection, this.tallies);
  }

  async accept(events: readonly NewEvent[], limits: AcceptLimits): Promise<AcceptResult[]> {
    return this.accepting.accept(events, limits);
  }

  async claimDue(request: ClaimRequest): Promise<ClaimResult> {
    return this.delivering.claimDue(request);
  }

  async settle(settlements: readonly Settlement[]): Promise<SettleResult[]> {
    return this.delivering.settle(settlements);
  }

  async find(key: EventKey): Promise<EventView | null> {
    return this.reading.find(key);
  }

  async list(query: EventQuery): Promise<Page<EventView>> {
    return this.listingEvents.list(query);
  }

  async listDeliveries(query: DeliveryQuery): Promise<Page<DeliveryView>> {
    return this.listingDeliveries.list(query);
  }

  async attempts(key: EventKey): Promise<AttemptView[] | null> {
    return this.reading.attempts(key);
  }

  async replay(command: ReplayCommand): Promise<number> {
    return this.operating.replay(command);
  }

  async discard(command: DiscardCommand): Promise<number> {
    return this.operating.discard(command);
  }

  async points(userId: string): Promise<PointsCount[]> {
    return this.reading.points(userId);
  }

  async countByStatus(): Promise<StatusCount[]> {
    return this.tallies.counts();
  }

  async possibleDuplicates(): Promise<PossibleDuplicateCount[]> {
    return this.delivering.possibleDuplicates();
  }

  async holds(): Promise<Hold[]> {
    return this.operating.holds();
  }

  async setHold(destination: string, hold: Hold | null, action: OperatorAction): Promise<void> {
    this.operating.setHold(destination, hold, action);
  }

  async heldMs(): Promise<HeldTime[]> {
    return this.operating.heldMs();
  }

  async addHeld(destination: string, ms: number): Promise<void> {
    this.operating.addHeld(destination, ms);
  }

  async actions(limit: number): Promise<OperatorAction[]> {
    return this.operating.actions(limit);
  }

  async recordAction(action: OperatorAction): Promise<void> {
    this.operating.recordAction(action);
  }

  async prune(command: PruneCommand): Promise<number> {
    return this.upkeep.prune(command);
  }

  async clockMark(): Promise<ClockMark | null> {
    return this.upkeep.clockMark();
  }

  async markClock(mark: ClockMark): Promise<void> {
    this.upkeep.markClock(mark);
  }

  async *verify(onProgress: (checkedEvents: number) => void = () => undefined): AsyncGenerator<StoreFault> {
    const { path, log, runtime, busyTimeoutMs } = this.options;
    // A closed store is not read through the back door.
    this.connection.read(() => undefined);
    const reader = openReader(path, log, busyTimeoutMs ?? 2000);
    try {
      yield* verifyStore(reader, runtime, onProgress);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      reader.close();
    }
  }

  async check(): Promise<void> {
    this.upkeep.check();
  }

  async close(): Promise<void> {
    this.connection.close();
  }
}
