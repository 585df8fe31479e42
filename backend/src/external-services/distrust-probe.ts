import { StoreUnavailableError, type EventStore } from '../interfaces/event-store';
import type { Runtime } from '../interfaces/runtime';

/** So long a failed `accept` counts for more than a probe that is committed: as long as a refused client is asked to wait. */
const DISTRUST_MS = 5_000;

type Call = (...args: readonly unknown[]) => unknown;

/**
 * The same store, but after an `accept` that failed `check` fails too, until one succeeds or some time has passed: a probe needs less room
 * than an event, and a disk that is nearly full may still take it.
 */
export function distrustProbeAfterFailure(store: EventStore, runtime: Pick<Runtime, 'monotonic'>): EventStore {
  let failure: { readonly at: number; readonly error: StoreUnavailableError } | null = null;
  const accept: EventStore['accept'] = async (...args) => {
    try {
      const results = await store.accept(...args);
      failure = null;
      return results;
    } catch (error) {
      if (error instanceof StoreUnavailableError) failure = { at: runtime.monotonic(), error };
      throw error;
    }
  };
  const check: EventStore['check'] = async () => {
    if (failure !== null && runtime.monotonic() - failure.at < DISTRUST_MS) throw failure.error;
    return store.check();
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'accept') return accept;
      if (name === 'check') return check;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as Call) : member;
    },
  });
}
