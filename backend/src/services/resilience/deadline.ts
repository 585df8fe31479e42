import type { Runtime } from '../../interfaces/runtime';
import { onAbort } from './on-abort';

/** A time by which something has to have ended, as a signal. */
export interface Deadline {
  /** Aborts when the time is over, or as soon as the parent does, with the parent's reason. */
  readonly signal: AbortSignal;
  /** 0 once it has aborted. */
  remainingMs(): number;
  /** To be called when the work has ended: drops the timer and the parent's listener. The signal then never aborts. */
  clear(): void;
}

/**
 * A deadline `ms` from now, within the parent's. `reason` is the signal's reason when the time is over; left out, a `TimeoutError` as
 * AbortSignal.timeout gives it. Whoever makes one clears it.
 */
export function deadline(
  runtime: Pick<Runtime, 'monotonic' | 'after'>,
  ms: number,
  parent?: AbortSignal,
  reason?: unknown,
): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  const endsAt = runtime.monotonic() + ms;
  let clear = (): void => undefined;
  const abort = (why: unknown): void => {
    clear();
    controller.abort(why);
  };
  const abortAtEnd = (): void => abort(reason ?? new DOMException(`It was not done within ${ms} ms.`, 'TimeoutError'));

  if (parent?.aborted) abort(parent.reason);
  else if (!(ms > 0)) abortAtEnd();
  else {
    const cancelTimer = runtime.after(ms, abortAtEnd);
    const leaveParent = onAbort(parent, () => abort(parent?.reason));
    clear = () => {
      cancelTimer();
      leaveParent();
    };
  }

  return {
    signal,
    remainingMs: () => (signal.aborted ? 0 : Math.max(0, endsAt - runtime.monotonic())),
    clear: () => clear(),
  };
}

/**
 * A clock for timeouts: when the time is over, input that had arrived by then is still handled first. A process that stood still for a
 * moment would else take every answer of that moment for late, and a working source for a broken one.
 */
export function drainInputFirst(
  runtime: Pick<Runtime, 'monotonic' | 'after' | 'turn'>,
): Pick<Runtime, 'monotonic' | 'after'> {
  return {
    monotonic: () => runtime.monotonic(),
    after: (ms, then) => {
      let isCancelled = false;
      const cancel = runtime.after(ms, () => {
        void runtime.turn().then(() => {
          if (!isCancelled) then();
        });
      });
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
}
