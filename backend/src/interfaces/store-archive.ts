import type { EventView } from '../types/delivery';
import type { StoreFault } from './event-store';

/** A points row that the events do not account for. */
export interface PointsDifference {
  readonly userId: string;
  readonly eventName: string;
  readonly counted: number;
  /** The events stored and those pruned. */
  readonly recounted: number;
}

export interface BackupProgress {
  readonly donePages: number;
  readonly totalPages: number;
}

/**
 * A store read as a whole, beside a gateway that goes on using it. Each verb sees one state of it and changes nothing. All reject with
 * StoreUnavailableError where it cannot be read.
 */
export interface StoreArchive {
  /** Checks everything there is; yields each fault. */
  verify(onProgress: (checkedEvents: number) => void): AsyncIterable<StoreFault>;
  /** Every event with its deliveries, oldest accepted first, in constant memory. */
  export(): AsyncIterable<EventView>;
  /** Counts the points anew from the events; yields each row that differs. `onDone` gets how many rows there are. */
  recount(onDone: (rows: number) => void): AsyncIterable<PointsDifference>;
  /** Writes a copy of the whole store to a file that is not there yet, fsynced, opened again and found without fault. On failure nothing is left. */
  backup(path: string, onProgress: (progress: BackupProgress) => void): Promise<void>;
  close(): void;
}
