import type { StatusCount } from '../../../types/delivery';
import type { DeliveryStatus } from '../../../types/event';
import type { SqliteConnection } from './connection';
import type { Statement } from './driver';

/** What one transaction changes in the counts: gathered while it moves deliveries, written once before it commits. */
export class CounterChanges {
  private readonly byDestination = new Map<string, Map<DeliveryStatus, number>>();

  add(destination: string, status: DeliveryStatus, delta: number): void {
    let statuses = this.byDestination.get(destination);
    if (statuses === undefined) {
      statuses = new Map();
      this.byDestination.set(destination, statuses);
    }
    statuses.set(status, (statuses.get(status) ?? 0) + delta);
  }

  move(destination: string, from: DeliveryStatus, to: DeliveryStatus): void {
    this.add(destination, from, -1);
    this.add(destination, to, 1);
  }

  *entries(): Generator<StatusCount> {
    for (const [destination, statuses] of this.byDestination) {
      for (const [status, count] of statuses) {
        if (count !== 0) yield { destination, status, count };
      }
    }
  }
}

/** How many deliveries are in each status (the table `tallies`): as many rows as there are destinations and statuses. */
export class Counters {
  private readonly increase: Statement;
  private readonly insert: Statement;
  private readonly select: Statement<StatusCount>;
  private readonly selectOpen: Statement<{ open: number }>;

  constructor(connection: SqliteConnection) {
    this.increase = connection.prepare('UPDATE tallies SET count = count + ? WHERE destination = ? AND status = ?');
    this.insert = connection.prepare('INSERT INTO tallies (count, destination, status) VALUES (?, ?, ?)');
    this.select = connection.prepare(
      'SELECT destination, status, count FROM tallies WHERE count > 0 ORDER BY destination, status',
    );
    this.selectOpen = connection.prepare(
      `SELECT coalesce(sum(count), 0) AS open FROM tallies WHERE status IN ('pending', 'delivering')`,
    );
  }

  /** Within the caller's transaction. */
  apply(changes: CounterChanges): void {
    for (const { destination, status, count } of changes.entries()) {
      if (this.increase.run(count, destination, status).changes === 0) this.insert.run(count, destination, status);
    }
  }

  /** How many deliveries are open. Within the caller's transaction. */
  openCount(): number {
    return this.selectOpen.get()?.open ?? 0;
  }

  /** Within the caller's transaction. */
  counts(): StatusCount[] {
    return this.select.all().map((row) => ({ ...row }));
  }
}
