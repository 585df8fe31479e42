import { NodeEventLoopDelay } from './node-event-loop-delay';
import { systemRuntime } from './system-runtime';

test('a loop that is held for a third of a second is told as that late, and one that is free is not', async () => {
  const delay = new NodeEventLoopDelay(systemRuntime, 400);
  const windows: number[] = [];
  let next: () => void = () => undefined;
  const window = () => new Promise<void>((resolve) => (next = resolve));
  delay.start((p99Ms) => {
    windows.push(p99Ms);
    next();
  });
  try {
    const first = window();
    const until = performance.now() + 350;
    while (performance.now() < until) Math.sqrt(until);
    // The promise alone would not keep the process: the timers of the gauge do not.
    const alive = setInterval(() => undefined, 50);
    await first;
    await window();
    clearInterval(alive);
  } finally {
    delay.stop();
  }
  expect(Math.max(...windows)).toBeGreaterThan(200);
  expect(delay.p99Ms).toBe(windows.at(-1));
  expect(Math.min(...windows)).toBeLessThan(200);
});
