import { StoreUnavailableError } from '../../interfaces/event-store';

// https://sqlite.org/rescode.html: the lower byte is the kind of error, the rest says more.
const UNAVAILABLE = new Map([
  [3, 'no permission'],
  [5, 'locked by another process'],
  [6, 'locked'],
  [7, 'out of memory'],
  [8, 'read-only'],
  [10, 'I/O error'],
  [11, 'corrupt'],
  [13, 'full'],
  [14, 'cannot be opened'],
  [15, 'locking failed'],
  [22, 'file too large'],
  [26, 'not a database'],
]);
const BUSY = 5;
const IOERR_FSYNC = 10 | (4 << 8);
const IOERR_DIR_FSYNC = 10 | (5 << 8);

/** An error of SQLite that means "not now" as StoreUnavailableError; any other (a defect) as it is. */
export function toStoreError(error: unknown): unknown {
  const { code, errcode, message } = fieldsOf(error);
  if (code === 'ERR_INVALID_STATE') return new StoreUnavailableError('the store is closed', false, { cause: error });
  if (typeof errcode !== 'number') return error;
  const kind = UNAVAILABLE.get(errcode & 0xff);
  if (kind === undefined) return error;
  const isFsyncFailure = errcode === IOERR_FSYNC || errcode === IOERR_DIR_FSYNC;
  return new StoreUnavailableError(
    `the store is unavailable: ${kind} (SQLite ${errcode}: ${String(message)})`,
    isFsyncFailure,
    {
      cause: error,
    },
  );
}

/** Whether another process held the lock for longer than the busy timeout. */
export function isBusy(error: unknown): boolean {
  const { errcode } = fieldsOf(error);
  return typeof errcode === 'number' && (errcode & 0xff) === BUSY;
}

/** By its fields and not by its class: an error of the driver need not be of this realm's Error. */
function fieldsOf(error: unknown): { code?: unknown; errcode?: unknown; message?: unknown } {
  return typeof error === 'object' && error !== null ? error : {};
}
