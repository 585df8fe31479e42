import { randomBytes } from 'node:crypto';

import type { Runtime } from '../interfaces/runtime';
import { createUuidV7 } from './uuid-v7';

/** Node fires a timer that is longer than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The runtime of the real process: its clocks, its dice, its event loop. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  newId: createUuidV7(() => Date.now(), randomBytes),

  sleep(ms, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        // A signal can outlive thousands of sleeps: none may leave its listener behind.
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, clampTimer(ms));
      signal?.addEventListener('abort', end);
    });
  },

  after(ms, then) {
    const timer = setTimeout(then, clampTimer(ms)).unref();
    return () => clearTimeout(timer);
  },

  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

function clampTimer(ms: number): number {
  // Written so that NaN becomes 0.
  return ms > 0 ? Math.min(ms, MAX_TIMER_MS) : 0;
}
