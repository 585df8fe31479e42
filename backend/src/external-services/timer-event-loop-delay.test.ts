import { SimulatedRuntime } from '../../test/support/simulated-runtime';
import type { Runtime } from '../interfaces/runtime';
import { systemRuntime } from './system-runtime';
import { TimerEventLoopDelay } from './timer-event-loop-delay';

const hold = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until) Math.sqrt(until);
};

// The beginning and the end of a window are where Node's own gauge loses what holds the loop.
test.each([
  ['from the beginning of the window', 0, 320],
  ['within the window', 60, 200],
  ['over the end of the window', 60, 700],
])('a loop that is held %s is told as that late', async (_, afterMs, heldMs) => {
  const delay = new TimerEventLoopDelay(systemRuntime, 400);
  // The gauge's own timers would not keep the process.
  const alive = setInterval(() => undefined, 1_000);
  const p99Ms = await new Promise<number>((resolve) => {
    delay.start(resolve);
    if (afterMs === 0) hold(heldMs);
    else setTimeout(() => hold(heldMs), afterMs);
  });
  delay.stop();
  clearInterval(alive);
  // The tick before may have come just then.
  expect(p99Ms).toBeGreaterThanOrEqual(heldMs - 21);
  expect(delay.p99Ms).toBe(p99Ms);
});

test('each window tells its own latest tick, and none is told after the stop', async () => {
  const simulated = new SimulatedRuntime({ seed: 1 });
  let heldMs = 0;
  const runtime: Runtime = Object.assign(Object.create(simulated) as Runtime, {
    monotonic: () => simulated.monotonic() + heldMs,
  });
  const delay = new TimerEventLoopDelay(runtime, 1_000);
  const windows: number[] = [];
  delay.start((p99Ms) => windows.push(p99Ms));
  await simulated.advance(500);
  heldMs += 250;
  await simulated.advance(2_000);
  expect(windows).toEqual([250, 0]);
  delay.stop();
  await simulated.advance(5_000);
  expect(windows).toEqual([250, 0]);
});
