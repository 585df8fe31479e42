import type { StatusCount } from '../../types/delivery';
import type { DeliveryStatus } from '../../types/event';
import type { SqliteConnection } from './sqlite-connection';
import type { Statement } from './sqlite-driver';

/** What one transaction changes in the counts: gathered while it moves deliveries, written once before it commits. */
export class TallyDeltas {
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

/** How many deliveries stand in each status: as many rows as there are destinations and statuses. */
export class Tallies {
  private readonly increase: Statement;
  private readonly insert: Statement;
  private readonly select: Statement<StatusCount>;
  private readonly selectOpen: Statement<{ open: number }>;

  constructor(private readonly connection: SqliteConnection) {
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
  apply(deltas: TallyDeltas): void {
    for (const { destination, status, count } of deltas.entries()) {
      if (this.increase.run(count, destination, status).changes === 0) this.insert.run(count, destination, status);
    }
  }

  /** How many deliveries are open. Within the caller's transaction. */
  openCount(): number {
    return this.selectOpen.get()?.open ?? 0;
  }

  counts(): StatusCount[] {
    return this.connection.read(() => this.select.all().map((row) => ({ ...row })));
  }
}
