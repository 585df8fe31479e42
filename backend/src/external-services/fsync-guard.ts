import { StoreUnavailableError, type EventStore } from '../interfaces/event-store';

type Call = (...args: readonly unknown[]) => unknown;

/**
 * The same store until an fsync fails: then `onFatal` is told once, and every call is refused, those under way too. After a failed fsync the kernel
 * may have dropped pages and report the next one as good, so that nothing this process writes can be trusted any more.
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
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const call = member.bind(target) as Call;
      // Closing and checking write nothing that anybody relies on.
      if (name === 'close' || name === 'verify') return call;
      return async (...args: readonly unknown[]) => {
        assertTrusted();
        const result = await (call(...args) as Promise<unknown>).catch(refuse);
        // It may have been under way when the fsync failed: whether the disk has it nobody can tell then.
        assertTrusted();
        return result;
      };
    },
  });
}
