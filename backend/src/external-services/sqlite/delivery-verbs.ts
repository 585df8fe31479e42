import type { ClaimRequest, ClaimResult, Settlement, SettleResult } from '../../interfaces/event-store';
import type { AttemptRecord, ClaimedDelivery, PossibleDuplicateCount } from '../../types/delivery';
import { assertFewExcepted } from '../event-store-rules';
import { toBuffer } from './rows';
import type { SqliteConnection } from './sqlite-connection';
import type { SqlValue, Statement } from './sqlite-driver';
import type { Tallies } from './tallies';
import { TallyDeltas } from './tallies';

interface DueRow {
  readonly id: number;
  readonly status: 'pending' | 'delivering';
  readonly due_at: number;
  readonly claimed_at: number | null;
  readonly attempts: number;
  readonly attempt_limit: number;
  readonly tries: number;
  readonly retry_until: number | null;
  readonly is_replay: number;
  readonly checksum: Uint8Array;
  readonly payload: Uint8Array;
  readonly event_id: string;
  readonly client_id: string;
  readonly event_name: string;
  readonly event_time_seconds: number;
  readonly request_id: string | null;
}

const LIVE = 0;
const REPLAYED = 1;

export const SELECT_DUE = `
  SELECT d.id, d.status, d.due_at, d.claimed_at, d.attempts, d.attempt_limit, d.tries, d.retry_until, d.is_replay,
    d.checksum, d.payload, e.event_id, e.client_id, e.event_name, e.event_time_seconds, e.request_id
  FROM deliveries AS d INDEXED BY deliveries_due CROSS JOIN events AS e ON e.id = d.event_row
  WHERE d.destination = ? AND d.is_replay = ? AND d.due_at <= ?
  ORDER BY d.due_at, d.id LIMIT ?`;

export const SELECT_NEXT_DUE = `
  SELECT id, due_at FROM deliveries INDEXED BY deliveries_due
  WHERE destination = ? AND is_replay = ? AND due_at IS NOT NULL
  ORDER BY due_at, id LIMIT ? OFFSET ?`;

const CLAIM = `
  UPDATE deliveries SET status = 'delivering', attempts = attempts + 1, tries = tries + 1, due_at = ?, claimed_at = ?,
    last_error = CASE WHEN status = 'delivering' THEN 'lease_expired' ELSE last_error END
  WHERE id = ?`;

const BURY = `
  UPDATE deliveries SET status = 'dead', dead_reason = 'attempts_exhausted', due_at = NULL, claimed_at = NULL,
    last_error = CASE WHEN status = 'delivering' THEN 'lease_expired' ELSE last_error END
  WHERE id = ?`;

// The fence: only the attempt that holds the delivery may move it on.
const SETTLE = `
  UPDATE deliveries SET status = ?, due_at = ?, retry_until = ?, attempt_limit = attempt_limit + ?, delivered_at = ?,
    dead_reason = ?, claimed_at = NULL,
    tries = CASE ? WHEN 'count' THEN tries WHEN 'pass over' THEN tries - 1 ELSE 0 END,
    last_error = iif(?, ?, last_error), last_http_status = iif(?, ?, last_http_status)
  WHERE id = ? AND attempts = ? AND status = 'delivering'
  RETURNING destination`;

const INSERT_ATTEMPT = `
  INSERT INTO attempts (delivery_id, number, started_at, duration_ms, outcome, http_status, error, excerpt, possible_duplicate)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const COUNT_POSSIBLE_DUPLICATE = `
  INSERT INTO possible_duplicates (destination, reason, count) VALUES (?, ?, 1)
  ON CONFLICT (destination, reason) DO UPDATE SET count = count + 1`;

/** Taking deliveries and recording how their attempts ended. */
export class DeliveryVerbs {
  private readonly selectDue: Statement<DueRow>;
  private readonly selectNextDue: Statement<{ id: number; due_at: number }>;
  private readonly claimOne: Statement;
  private readonly bury: Statement;
  private readonly settleOne: Statement<{ destination: string }>;
  private readonly insertAttempt: Statement;
  private readonly countPossibleDuplicate: Statement;
  private readonly selectPossibleDuplicates: Statement<PossibleDuplicateCount>;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly tallies: Tallies,
  ) {
    this.selectDue = connection.prepare(SELECT_DUE);
    this.selectNextDue = connection.prepare(SELECT_NEXT_DUE);
    this.claimOne = connection.prepare(CLAIM);
    this.bury = connection.prepare(BURY);
    this.settleOne = connection.prepare(SETTLE);
    this.insertAttempt = connection.prepare(INSERT_ATTEMPT);
    this.countPossibleDuplicate = connection.prepare(COUNT_POSSIBLE_DUPLICATE);
    this.selectPossibleDuplicates = connection.prepare(
      'SELECT destination, reason, count FROM possible_duplicates ORDER BY destination, reason',
    );
  }

  claimDue(request: ClaimRequest): ClaimResult {
    const { destination, except = [] } = request;
    assertFewExcepted(except);
    // Looking first costs no lock and no commit: most calls of an idle worker end here.
    const takesReplays = (request.replayLimit ?? request.limit) > 0 || request.limit <= 0;
    const nextDueAt = this.connection.read(() => this.nextDueAt(destination, except, 0, takesReplays ? 0 : null));
    if (nextDueAt === null || nextDueAt > request.now || request.limit <= 0) {
      return { claimed: [], buried: [], nextDueAt };
    }
    return this.connection.write(() => this.claim(request));
  }

  settle(settlements: readonly Settlement[]): SettleResult[] {
    return this.connection.write(() => {
      const deltas = new TallyDeltas();
      const results = settlements.map((settlement) => this.applySettlement(settlement, deltas));
      this.tallies.apply(deltas);
      return results;
    });
  }

  possibleDuplicates(): PossibleDuplicateCount[] {
    return this.connection.read(() => this.selectPossibleDuplicates.all().map((row) => ({ ...row })));
  }

  private claim({ destination, limit, replayLimit = limit, now, leaseMs, except = [] }: ClaimRequest): ClaimResult {
    const due = (isReplay: number, room: number): Due => {
      if (room <= 0) return { rows: [], passed: 0 };
      return withoutExcepted(this.selectDue.all(destination, isReplay, now, room + except.length), except, room);
    };
    const { rows: live, passed: passedLive } = due(LIVE, limit);
    const { rows: replayed, passed: passedReplayed } = due(REPLAYED, Math.min(replayLimit, limit - live.length));
    const mayTakeReplays = replayed.length < replayLimit;
    const nextDueAt = this.nextDueAt(destination, except, passedLive, mayTakeReplays ? passedReplayed : null);
    const leaseUntil = now + leaseMs;
    const claimed: ClaimedDelivery[] = [];
    const buried: DueRow[] = [];
    const deltas = new TallyDeltas();
    for (const row of [...live, ...replayed]) {
      if (row.status === 'delivering') this.recordLostAttempt(row, destination);
      if (row.attempts >= row.attempt_limit) {
        this.bury.run(row.id);
        buried.push(row);
        deltas.move(destination, row.status, 'dead');
      } else {
        this.claimOne.run(leaseUntil, now, row.id);
        claimed.push(toClaimedDelivery(row, destination, leaseUntil));
        if (row.status === 'pending') deltas.move(destination, 'pending', 'delivering');
      }
    }
    this.tallies.apply(deltas);
    return {
      claimed,
      buried: buried.map((row) => ({ eventId: row.event_id, clientId: row.client_id, deliveryId: row.id })),
      nextDueAt,
    };
  }

  /**
   * When the first open delivery after the first `live` and the first `replayed` ones, and none of `except`, falls due;
   * null: whatever the replays.
   */
  private nextDueAt(
    destination: string,
    except: readonly number[],
    live: number,
    replayed: number | null,
  ): number | null {
    const next = (isReplay: number, passed: number): number | null => {
      const rows = this.selectNextDue.all(destination, isReplay, 1 + except.length, passed);
      return rows.find(({ id }) => !except.includes(id))?.due_at ?? null;
    };
    const nextLive = next(LIVE, live);
    if (replayed === null) return nextLive;
    const nextReplayed = next(REPLAYED, replayed);
    if (nextLive === null || nextReplayed === null) return nextLive ?? nextReplayed;
    return Math.min(nextLive, nextReplayed);
  }

  /** The process that held this delivery never said how its attempt ended. Its lease is all we know of the duration. */
  private recordLostAttempt(row: DueRow, destination: string): void {
    const startedAt = row.claimed_at ?? row.due_at;
    this.recordAttempt(row.id, destination, {
      number: row.attempts,
      startedAt,
      durationMs: row.due_at - startedAt,
      outcome: 'retryable',
      httpStatus: null,
      error: 'lease_expired',
      excerpt: null,
      possibleDuplicate: 'lease_expired',
    });
  }

  private applySettlement(settlement: Settlement, deltas: TallyDeltas): SettleResult {
    const { deliveryId, attempt, record, next } = settlement;
    const wasMade = record === null ? 0 : 1;
    const moved = this.settleOne.get(
      next.status,
      ...nextColumns(settlement),
      ...[wasMade, record?.error ?? null, wasMade, record?.httpStatus ?? null],
      deliveryId,
      attempt,
    );
    if (moved === undefined) return 'stale';
    if (record !== null) this.recordAttempt(deliveryId, moved.destination, { ...record, number: attempt });
    deltas.move(moved.destination, 'delivering', next.status);
    return 'applied';
  }

  private recordAttempt(deliveryId: number, destination: string, record: AttemptRecord): void {
    this.insertAttempt.run(
      deliveryId,
      record.number,
      record.startedAt,
      record.durationMs,
      record.outcome,
      record.httpStatus,
      record.error,
      record.excerpt,
      record.possibleDuplicate,
    );
    if (record.possibleDuplicate !== null) this.countPossibleDuplicate.run(destination, record.possibleDuplicate);
  }
}

interface Due {
  readonly rows: readonly DueRow[];
  /** How many rows of the queue lie up to the last of them, those left out included. */
  readonly passed: number;
}

/** Leaving out here, and not in the query, keeps the plan of the usual claim, which leaves out nothing. */
function withoutExcepted(queue: readonly DueRow[], except: readonly number[], limit: number): Due {
  if (except.length === 0) return { rows: queue, passed: queue.length };
  const rows = queue.filter(({ id }) => !except.includes(id)).slice(0, limit);
  const last = rows.at(-1);
  return { rows, passed: last === undefined ? 0 : queue.indexOf(last) + 1 };
}

/** due_at, retry_until, the raise of attempt_limit, delivered_at, dead_reason, what becomes of tries. */
function nextColumns({ at, record, next }: Settlement): SqlValue[] {
  const tries = record === null ? 'pass over' : 'count';
  switch (next.status) {
    case 'pending':
      if (next.burnsAttempt) return [next.dueAt, next.retryUntil, 0, null, null, tries];
      return [next.dueAt, next.retryUntil, 1, null, null, record === null ? tries : 'start again'];
    case 'delivered':
      return [null, null, 0, at, null, tries];
    case 'dead':
      return [null, null, 0, null, next.reason, tries];
  }
}

function toClaimedDelivery(row: DueRow, destination: string, leaseUntil: number): ClaimedDelivery {
  return {
    deliveryId: row.id,
    eventId: row.event_id,
    clientId: row.client_id,
    eventName: row.event_name,
    eventTimeSeconds: row.event_time_seconds,
    destination,
    attempt: row.attempts + 1,
    tries: row.tries + 1,
    payload: toBuffer(row.payload),
    checksum: toBuffer(row.checksum),
    retryUntil: row.retry_until,
    leaseUntil,
    isReplay: row.is_replay === 1,
    requestId: row.request_id,
  };
}
