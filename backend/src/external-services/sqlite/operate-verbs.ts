import type { DiscardCommand, ReplayCommand } from '../../interfaces/event-store';
import type { HeldTime, Hold, OperatorAction } from '../../types/delivery';
import type { DeliveryStatus } from '../../types/event';
import { assertHeldTime, describeDeliveries, heldTimeOf } from '../event-store-rules';
import type { SqliteConnection } from './sqlite-connection';
import type { Statement } from './sqlite-driver';
import type { Tallies } from './tallies';
import { TallyDeltas } from './tallies';

const REPLAY = `
  UPDATE deliveries SET status = 'pending', due_at = ?, attempt_limit = attempt_limit + ?, retry_until = NULL,
    tries = 0, is_replay = 1, delivered_at = NULL, dead_reason = NULL
  WHERE id = ?`;

const SET_HOLD = `
  INSERT INTO holds (destination, kind, since, reason, actor) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (destination) DO UPDATE SET
    kind = excluded.kind, since = excluded.since, reason = excluded.reason, actor = excluded.actor`;

const DISCARD = `
  UPDATE deliveries SET status = 'discarded', due_at = NULL, retry_until = NULL,
    dead_reason = coalesce(dead_reason, 'discarded')
  WHERE id = ?`;

const SELECT_HELD = `
  SELECT destination, coalesce(t.held_ms, 0) AS heldMs, h.since
  FROM held_times AS t FULL JOIN holds AS h USING (destination) ORDER BY destination`;

const ADD_HELD = `
  INSERT INTO held_times (destination, held_ms) VALUES (?, ?)
  ON CONFLICT (destination) DO UPDATE SET held_ms = held_ms + excluded.held_ms`;

/** What operators do; each act is recorded in the transaction that does it. */
export class OperateVerbs {
  private readonly selectStanding: Statement<{ destination: string; status: DeliveryStatus }>;
  private readonly replayOne: Statement;
  private readonly discardOne: Statement;
  private readonly selectHolds: Statement<Hold>;
  private readonly selectHold: Statement<Pick<Hold, 'since'>>;
  private readonly selectHeld: Statement<HeldTime>;
  private readonly addHeldTime: Statement;
  private readonly upsertHold: Statement;
  private readonly deleteHold: Statement;
  private readonly selectActions: Statement<OperatorAction>;
  private readonly insertAction: Statement;
  private readonly deleteActionsUpTo: Statement;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly tallies: Tallies,
    private readonly limits: { readonly attemptLimit: number; readonly actionsMax: number },
  ) {
    this.selectStanding = connection.prepare('SELECT destination, status FROM deliveries WHERE id = ?');
    this.replayOne = connection.prepare(REPLAY);
    this.discardOne = connection.prepare(DISCARD);
    this.selectHold = connection.prepare('SELECT since FROM holds WHERE destination = ?');
    this.selectHeld = connection.prepare(SELECT_HELD);
    this.addHeldTime = connection.prepare(ADD_HELD);
    this.selectHolds = connection.prepare(
      'SELECT destination, kind, since, reason, actor FROM holds ORDER BY destination',
    );
    this.upsertHold = connection.prepare(SET_HOLD);
    this.deleteHold = connection.prepare('DELETE FROM holds WHERE destination = ?');
    this.selectActions = connection.prepare(
      'SELECT at, actor, action, detail FROM operator_actions ORDER BY id DESC LIMIT ?',
    );
    this.insertAction = connection.prepare(
      'INSERT INTO operator_actions (at, actor, action, detail) VALUES (?, ?, ?, ?)',
    );
    this.deleteActionsUpTo = connection.prepare('DELETE FROM operator_actions WHERE id <= ?');
  }

  replay({ deliveryIds, at, from, actor }: ReplayCommand): number {
    return this.connection.write(() => {
      const moved = this.moveAll(deliveryIds, from, 'pending', (id) =>
        this.replayOne.run(at, this.limits.attemptLimit, id),
      );
      if (moved.length > 0) this.insertActionRow({ at, actor, action: 'replay', detail: describeDeliveries(moved) });
      return moved.length;
    });
  }

  discard({ deliveryIds, at, from, actor, reason }: DiscardCommand): number {
    return this.connection.write(() => {
      const moved = this.moveAll(deliveryIds, from, 'discarded', (id) => this.discardOne.run(id));
      const detail = `${describeDeliveries(moved)}; ${reason}`;
      if (moved.length > 0) this.insertActionRow({ at, actor, action: 'discard', detail });
      return moved.length;
    });
  }

  holds(): Hold[] {
    return this.connection.read(() => this.selectHolds.all().map((row) => ({ ...row })));
  }

  setHold(destination: string, hold: Hold | null, action: OperatorAction): void {
    this.connection.write(() => {
      const ended = this.selectHold.get(destination);
      if (ended !== undefined) {
        this.addHeldTime.run(destination, heldTimeOf(ended.since, hold === null ? action.at : hold.since));
      }
      if (hold === null) this.deleteHold.run(destination);
      else this.upsertHold.run(destination, hold.kind, hold.since, hold.reason, hold.actor);
      this.insertActionRow(action);
    });
  }

  heldMs(): HeldTime[] {
    return this.connection.read(() => this.selectHeld.all().map((row) => ({ ...row })));
  }

  addHeld(destination: string, ms: number): void {
    assertHeldTime(ms);
    this.connection.write(() => this.addHeldTime.run(destination, ms));
  }

  actions(limit: number): OperatorAction[] {
    return this.connection.read(() => this.selectActions.all(limit).map((row) => ({ ...row })));
  }

  recordAction(action: OperatorAction): void {
    this.connection.write(() => this.insertActionRow(action));
  }

  /** The ids that stood in one of `from` and were moved. */
  private moveAll(
    ids: readonly number[],
    from: readonly DeliveryStatus[],
    to: DeliveryStatus,
    move: (id: number) => void,
  ): number[] {
    const deltas = new TallyDeltas();
    const moved: number[] = [];
    for (const id of ids) {
      const standing = this.selectStanding.get(id);
      if (standing === undefined || !from.includes(standing.status)) continue;
      move(id);
      deltas.move(standing.destination, standing.status, to);
      moved.push(id);
    }
    this.tallies.apply(deltas);
    return moved;
  }

  private insertActionRow({ at, actor, action, detail }: OperatorAction): void {
    const { lastInsertRowid } = this.insertAction.run(at, actor, action, detail);
    this.deleteActionsUpTo.run(Number(lastInsertRowid) - this.limits.actionsMax);
  }
}
