import type { SqliteConnection } from '../connection';
import type { NamedStatement, SqlValue } from '../driver';

/**
 * Newest-first lists under any combination of filters, at a cost that does not grow with the table.
 *
 * A *scan* is one index read from a key's newest row downwards. A query is answered from its narrowest scan, or from several
 * scans merged (the hours of a range of time); its other filters are checked row by row. A scan that matches little is
 * not walked to its end: after a number of rows the page is cut there and its cursor goes on from that point.
 */

export interface IndexScan<Kind extends string> {
  readonly kind: Kind;
  readonly key: SqlValue;
  /** No row of the scan is above this one. */
  readonly head: number;
}

export type ScanParameters = Readonly<Record<string, SqlValue>>;

export interface ScanPage {
  readonly ids: readonly number[];
  /** Rows below this one come next; null when there are none. */
  readonly next: number | null;
}

interface ScanStatements {
  readonly matching: NamedStatement<{ id: number }>;
  readonly walked: NamedStatement<{ rows: number; lowest: number | null }>;
}

/** A scan with as many rows as this is not narrow: walking it to its end is more than one page should cost. */
const NARROW_ROWS = 1000;
const MIN_WALK_ROWS = 100;

export class ScanReader<Kind extends string> {
  private readonly statements = new Map<Kind, ScanStatements>();

  /**
   * `scans` gives the ids of a scan, newest first, under :before and :key; a scan that is merged with many others stops at
   * :above too, where the others have filled the page. `matching` wraps such a select in the filters.
   * At most about `walkRows` rows are looked at for one page.
   */
  constructor(
    private readonly connection: SqliteConnection,
    private readonly scans: Readonly<Record<Kind, string>>,
    private readonly matching: (scan: string) => string,
    private readonly walkRows: number,
  ) {}

  /** The scan with the fewest rows if it is narrow; null when all are wide. Within the caller's transaction. */
  narrowest(scans: readonly IndexScan<Kind>[], parameters: ScanParameters): IndexScan<Kind> | null {
    let narrowest: IndexScan<Kind> | null = null;
    let fewest = Math.min(NARROW_ROWS, this.walkRows);
    for (const scan of scans) {
      const { rows } = this.walk(scan, { ...parameters, before: Number.MAX_SAFE_INTEGER, above: 0 }, fewest);
      if (rows < fewest) [narrowest, fewest] = [scan, rows];
    }
    return narrowest;
  }

  /** The next page from scans sorted by head, highest first. Within the caller's transaction. */
  page(scans: readonly IndexScan<Kind>[], parameters: ScanParameters, before: number, limit: number): ScanPage {
    let found: number[] = [];
    let completeDownTo = 0;
    let remaining = this.walkRows;
    for (const scan of scans) {
      // What this page can still take from here on lies above: below, it is full or cut.
      const above = Math.max(completeDownTo, found[limit] ?? 0);
      if (scan.head <= above) break;
      const range = { ...parameters, before, above };
      const budget = Math.max(Math.min(MIN_WALK_ROWS, this.walkRows), remaining);
      const ids = this.matchesOf(scan, range, budget, limit + 1);
      found = [...new Set([...found, ...ids])].sort((a, b) => b - a).slice(0, limit + 1);
      if (ids.length > limit) {
        completeDownTo = Math.max(completeDownTo, ids.at(-1) ?? 0);
        remaining -= ids.length;
      } else {
        const { rows, lowest } = this.walk(scan, range, budget);
        if (rows === budget) completeDownTo = Math.max(completeDownTo, lowest ?? 0);
        remaining -= rows;
      }
    }
    const complete = found.filter((id) => id >= completeDownTo);
    if (complete.length > limit) return { ids: complete.slice(0, limit), next: complete[limit - 1] ?? null };
    return { ids: complete, next: completeDownTo > 0 ? completeDownTo : null };
  }

  private matchesOf(scan: IndexScan<Kind>, range: ScanParameters, walk: number, limit: number): number[] {
    const { matching } = this.statementsOf(scan.kind);
    return matching.all({ ...range, key: scan.key, walk, limit }).map(({ id }) => id);
  }

  private walk(scan: IndexScan<Kind>, range: ScanParameters, walk: number) {
    const [end] = this.statementsOf(scan.kind).walked.all({ ...range, key: scan.key, walk });
    return end ?? { rows: 0, lowest: null };
  }

  private statementsOf(kind: Kind): ScanStatements {
    let statements = this.statements.get(kind);
    if (statements === undefined) {
      const scan = `${this.scans[kind]} LIMIT :walk`;
      statements = {
        matching: this.connection.prepareNamed(`${this.matching(scan)} LIMIT :limit`),
        walked: this.connection.prepareNamed(`SELECT count(*) AS rows, min(id) AS lowest FROM (${scan})`),
      };
      this.statements.set(kind, statements);
    }
    return statements;
  }
}
