import type { Heartbeat, PruneCommand, UpkeepStore } from '../../../interfaces/event-store';
import type { DeliveryStatus } from '../../../types/event';
import { heartbeatOf } from '../rules';
import { betweenIdsOf, deliveryIdsOf, minuteOf } from './rows';
import type { SqliteConnection } from './connection';
import type { Statement } from './driver';
import type { Counters } from './counters';
import { CounterChanges } from './counters';

interface OldRow {
  readonly id: number;
  readonly user_id: string;
  readonly event_name: string;
  readonly is_prunable: number;
}

export const SELECT_OLD = `
  SELECT e.id, e.user_id, e.event_name,
    e.accepted_at < ? AND NOT EXISTS (SELECT 1 FROM deliveries AS d
      WHERE d.id ${betweenIdsOf('e.id')} AND d.due_at IS NOT NULL) AS is_prunable
  FROM events AS e WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?`;

/** How many more events than it may prune one call looks at: those with open deliveries stay and are passed over. */
const LOOKED_AT_PER_PRUNED = 10;

/** Pruning, the heartbeat and the readiness probe; closing the store closes its connection. */
export class SqliteUpkeep implements UpkeepStore {
  /** Where the last call stopped, so that many old events that must stay are not passed over again by each call. */
  private prunedUpTo = 0;
  private readonly selectLastOldRow: Statement<{ row: number | null }>;
  private readonly selectOld: Statement<OldRow>;
  private readonly deleteAttempts: Statement;
  private readonly deleteDeliveries: Statement<{ destination: string; status: DeliveryStatus }>;
  private readonly deleteEvent: Statement;
  private readonly movePoint: Statement;
  private readonly deleteMinutes: Statement;
  private readonly selectHeartbeat: Statement<Heartbeat>;
  private readonly selectOldest: Statement<{ acceptedAt: number }>;
  private readonly upsertHeartbeat: Statement;
  private readonly probe: Statement;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly counters: Counters,
  ) {
    this.selectLastOldRow = connection.prepare('SELECT max(last_row) AS row FROM accepted_minutes WHERE minute <= ?');
    this.selectOld = connection.prepare(SELECT_OLD);
    this.deleteAttempts = connection.prepare('DELETE FROM attempts WHERE delivery_id BETWEEN ? AND ?');
    this.deleteDeliveries = connection.prepare(
      'DELETE FROM deliveries WHERE id BETWEEN ? AND ? RETURNING destination, status',
    );
    this.deleteEvent = connection.prepare('DELETE FROM events WHERE id = ?');
    this.movePoint = connection.prepare('UPDATE points SET pruned = pruned + 1 WHERE user_id = ? AND event_name = ?');
    this.deleteMinutes = connection.prepare(
      `DELETE FROM accepted_minutes WHERE minute <= ? AND NOT EXISTS
        (SELECT 1 FROM events WHERE id BETWEEN first_row AND last_row)`,
    );
    this.selectHeartbeat = connection.prepare('SELECT seen_at AS seenAt, steady_ms AS steadyMs FROM clock_mark');
    this.selectOldest = connection.prepare('SELECT accepted_at AS acceptedAt FROM events ORDER BY id LIMIT 1');
    this.upsertHeartbeat = connection.prepare(
      'INSERT OR REPLACE INTO clock_mark (id, seen_at, steady_ms) VALUES (1, ?, ?)',
    );
    this.probe = connection.prepare('UPDATE probes SET count = count + 1 WHERE id = 1');
  }

  async prune({ acceptedBefore, limit }: PruneCommand): Promise<number> {
    const startedAt = this.prunedUpTo;
    const pruned = this.connection.write(() => this.pruneOnwards(acceptedBefore, limit));
    // The end was reached with nothing found: what lies before the start may be ready by now.
    if (pruned > 0 || startedAt === 0 || this.prunedUpTo > 0) return pruned;
    return this.connection.write(() => this.pruneOnwards(acceptedBefore, limit));
  }

  async heartbeat(): Promise<Heartbeat | null> {
    return this.connection.read(() => {
      const saved = this.selectHeartbeat.get();
      return saved === undefined ? heartbeatOf(this.selectOldest.get()) : { ...saved };
    });
  }

  async recordHeartbeat({ seenAt, steadyMs }: Heartbeat): Promise<void> {
    this.connection.write(() => this.upsertHeartbeat.run(seenAt, steadyMs));
  }

  async check(): Promise<void> {
    this.connection.write(() => this.probe.run());
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  private pruneOnwards(acceptedBefore: number, limit: number): number {
    const lastMinute = minuteOf(acceptedBefore);
    const lastRow = this.selectLastOldRow.get(lastMinute)?.row ?? 0;
    const lookedAt = limit * LOOKED_AT_PER_PRUNED;
    const rows = this.selectOld.all(acceptedBefore, this.prunedUpTo, lastRow, lookedAt);
    const changes = new CounterChanges();
    const prunable = rows.filter((row) => row.is_prunable === 1).slice(0, limit);
    for (const row of prunable) this.pruneOne(row, changes);
    this.counters.apply(changes);
    if (prunable.length > 0) this.deleteMinutes.run(lastMinute);
    if (prunable.length === limit) this.prunedUpTo = prunable.at(-1)?.id ?? 0;
    else this.prunedUpTo = rows.length === lookedAt ? (rows.at(-1)?.id ?? 0) : 0;
    return prunable.length;
  }

  private pruneOne(row: OldRow, changes: CounterChanges): void {
    const { first, last } = deliveryIdsOf(row.id);
    this.deleteAttempts.run(first, last);
    for (const { destination, status } of this.deleteDeliveries.all(first, last)) changes.add(destination, status, -1);
    this.deleteEvent.run(row.id);
    this.movePoint.run(row.user_id, row.event_name);
  }
}
