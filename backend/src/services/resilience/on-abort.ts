import { setMaxListeners } from 'node:events';

/**
 * Calls `listener` once when the signal aborts (not if it already has), unless the function returned is called first. A signal of ours is
 * shared by many (a shutdown, the deadline of a batch): from the eleventh listener on Node would warn of a leak, so that is switched off
 * for this signal, and tests count what is left behind instead.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  setMaxListeners(Infinity, signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
