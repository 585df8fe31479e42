import type { Runtime } from '../../interfaces/runtime';

/**
 * The clock for timeouts: when the time is over, input that had arrived by then is still handled first. A process that stood still for a
 * moment would else take every answer of that moment for late, and a working source for a broken one.
 */
export function patientClock(
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
