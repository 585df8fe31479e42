import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';

/** Refused records of one reason: how many, and the line numbers of the first ones. */
export interface Refusal {
  count: number;
  readonly lines: number[];
}

/** How far an import has come: kept beside the file, so that it can be resumed after any end. */
export interface ImportState {
  /** How many records of the file have an answer. */
  records: number;
  accepted: number;
  duplicates: number;
  refused: number;
  /** By reason. */
  readonly refusals: Record<string, Refusal>;
}

const LINES_SHOWN = 5;

export function stateFileOf(file: string): string {
  return `${file}.import-state`;
}

export function emptyState(): ImportState {
  return { records: 0, accepted: 0, duplicates: 0, refused: 0, refusals: {} };
}

/**
 * The state that an earlier import left, or an empty one. Throws where the file holds something
 * else.
 */
export function loadState(path: string): ImportState {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return emptyState();
    throw error;
  }
  try {
    const state = JSON.parse(text) as ImportState;
    if (Number.isInteger(state.records) && typeof state.refusals === 'object') return state;
  } catch {
    // The error below says so.
  }
  throw new Error(`${path} is not the state of an import; delete it to begin again (nothing is counted twice)`);
}

/** Replaces the state in one step: after a crash there is the old one or the new one. */
export function saveState(path: string, state: ImportState): void {
  const next = `${path}.new`;
  const file = openSync(next, 'w');
  try {
    writeSync(file, JSON.stringify(state));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
}

export function removeState(path: string): void {
  rmSync(path, { force: true });
}

export function refuse(state: ImportState, reason: string, line: number): void {
  const refusal = (state.refusals[reason] ??= { count: 0, lines: [] });
  refusal.count += 1;
  if (refusal.lines.length < LINES_SHOWN) refusal.lines.push(line);
  state.refused += 1;
  state.records += 1;
}
