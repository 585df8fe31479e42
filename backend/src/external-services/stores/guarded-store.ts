import { StoreUnavailableError, type EventStore } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import { callVerb, storeOf, withVerbs } from './verbs';

/** What stands before every store, whatever keeps its data: it refuses where the store alone would say yes. */

/**
 * The same store until an fsync fails: then `onFatal` is told once, and every call is refused, those under way too. After a
 * failed fsync the kernel may have dropped pages and report the next one as good, so that nothing this process writes can be
 * trusted any more.
 */
export function guardAgainstFailedFsync(store: EventStore, onFatal: (error: Error) => void): EventStore {
  let failure: StoreUnavailableError | null = null;
  const refuse = (error: unknown): never => {
    if (error instanceof StoreUnavailableError && error.isFsyncFailure && failure === null) {
      failure = error;
      onFatal(error);
    }
    throw error;
  };
  const assertTrusted = (): void => {
    if (failure !== null) throw failure;
  };
  return storeOf((verb) => async (...args) => {
    // Closing writes nothing that anybody relies on.
    if (verb.effect === 'ends') return callVerb(store, verb, args);
    assertTrusted();
    const result = await callVerb(store, verb, args).catch(refuse);
    // It may have been under way when the fsync failed: whether the disk has it nobody can tell then.
    assertTrusted();
    return result;
  });
}

/** How long a failed `accept` outweighs a committed probe: as long as a refused client is asked to wait. */
const DISTRUST_MS = 5_000;

/**
 * The same store, but after an `accept` that failed `check` fails too, until one succeeds or some time has passed: a probe
 * needs less room than an event, and a disk that is nearly full may still take it.
 */
export function distrustProbeAfterFailure(store: EventStore, runtime: Pick<Runtime, 'monotonic'>): EventStore {
  let failure: { readonly at: number; readonly error: StoreUnavailableError } | null = null;
  const accept: EventStore['events']['accept'] = async (...args) => {
    try {
      const results = await store.events.accept(...args);
      failure = null;
      return results;
    } catch (error) {
      if (error instanceof StoreUnavailableError) failure = { at: runtime.monotonic(), error };
      throw error;
    }
  };
  const check: EventStore['upkeep']['check'] = async () => {
    if (failure !== null && runtime.monotonic() - failure.at < DISTRUST_MS) throw failure.error;
    return store.upkeep.check();
  };
  return withVerbs(store, { events: { accept }, upkeep: { check } });
}
