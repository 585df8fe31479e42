import type { SqliteConnection } from './sqlite-connection';
import type { NamedStatement, SqlValue } from './sqlite-driver';

/**
 * Newest-first lists under any combination of filters, at a cost that does not grow with the table.
 *
 * A *lane* is one index walked from a key's newest row downwards. A query is answered from its narrowest lane, or from several
 * lanes merged (the hours of a range of time); its other filters are checked row by row. A lane that matches little is
 * not walked to its end: after a number of rows the page is cut there and its cursor goes on from that point.
 */

export interface Lane<Kind extends string> {
  readonly kind: Kind;
  readonly key: SqlValue;
  /** No row of the lane is above this one. */
  readonly head: number;
}

export type Parameters = Readonly<Record<string, SqlValue>>;

export interface LanePage {
  readonly ids: readonly number[];
  /** Rows below this one come next; null when there are none. */
  readonly next: number | null;
}

interface LaneStatements {
  readonly matching: NamedStatement<{ id: number }>;
  readonly walked: NamedStatement<{ rows: number; lowest: number | null }>;
}

/** A lane with as many rows as this is not narrow: walking it to its end is more than one page should cost. */
const NARROW_ROWS = 1000;
const MIN_WALK_ROWS = 100;

export class LaneReader<Kind extends string> {
  private readonly statements = new Map<Kind, LaneStatements>();

  /**
   * `lanes` gives the ids of a lane, newest first, under :before and :key; a lane that is merged with many others stops at
   * :above too, where the others have filled the page. `matching` wraps such a select in the filters.
   * At most about `walkRows` rows are looked at for one page.
   */
  constructor(
    private readonly connection: SqliteConnection,
    private readonly lanes: Readonly<Record<Kind, string>>,
    private readonly matching: (lane: string) => string,
    private readonly walkRows: number,
  ) {}

  /** The lane with the fewest rows if it is narrow; null when all are wide. Within the caller's transaction. */
  narrowest(lanes: readonly Lane<Kind>[], parameters: Parameters): Lane<Kind> | null {
    let narrowest: Lane<Kind> | null = null;
    let fewest = Math.min(NARROW_ROWS, this.walkRows);
    for (const lane of lanes) {
      const { rows } = this.walk(lane, { ...parameters, before: Number.MAX_SAFE_INTEGER, above: 0 }, fewest);
      if (rows < fewest) [narrowest, fewest] = [lane, rows];
    }
    return narrowest;
  }

  /** The next page from lanes sorted by head, highest first. Within the caller's transaction. */
  page(lanes: readonly Lane<Kind>[], parameters: Parameters, before: number, limit: number): LanePage {
    let found: number[] = [];
    let completeDownTo = 0;
    let remaining = this.walkRows;
    for (const lane of lanes) {
      // What this page can still take from here on lies above: below, it is full or cut.
      const above = Math.max(completeDownTo, found[limit] ?? 0);
      if (lane.head <= above) break;
      const range = { ...parameters, before, above };
      const budget = Math.max(Math.min(MIN_WALK_ROWS, this.walkRows), remaining);
      const ids = this.matchesOf(lane, range, budget, limit + 1);
      found = [...new Set([...found, ...ids])].sort((a, b) => b - a).slice(0, limit + 1);
      if (ids.length > limit) {
        completeDownTo = Math.max(completeDownTo, ids.at(-1) ?? 0);
        remaining -= ids.length;
      } else {
        const { rows, lowest } = this.walk(lane, range, budget);
        if (rows === budget) completeDownTo = Math.max(completeDownTo, lowest ?? 0);
        remaining -= rows;
      }
    }
    const complete = found.filter((id) => id >= completeDownTo);
    if (complete.length > limit) return { ids: complete.slice(0, limit), next: complete[limit - 1] ?? null };
    return { ids: complete, next: completeDownTo > 0 ? completeDownTo : null };
  }

  private matchesOf(lane: Lane<Kind>, range: Parameters, walk: number, limit: number): number[] {
    const { matching } = this.statementsOf(lane.kind);
    return matching.all({ ...range, key: lane.key, walk, limit }).map(({ id }) => id);
  }

  private walk(lane: Lane<Kind>, range: Parameters, walk: number) {
    const [end] = this.statementsOf(lane.kind).walked.all({ ...range, key: lane.key, walk });
    return end ?? { rows: 0, lowest: null };
  }

  private statementsOf(kind: Kind): LaneStatements {
    let statements = this.statements.get(kind);
    if (statements === undefined) {
      const lane = `${this.lanes[kind]} LIMIT :walk`;
      statements = {
        matching: this.connection.prepareNamed(`${this.matching(lane)} LIMIT :limit`),
        walked: this.connection.prepareNamed(`SELECT count(*) AS rows, min(id) AS lowest FROM (${lane})`),
      };
      this.statements.set(kind, statements);
    }
    return statements;
  }
}
