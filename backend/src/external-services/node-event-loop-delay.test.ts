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
    // The gauge's own timers would not keep the process.
    const alive = setInterval(() => undefined, 50);
    await window();
    // The first tick of a window has none before it to be measured from.
    await systemRuntime.sleep(60);
    const until = performance.now() + 350;
    while (performance.now() < until) Math.sqrt(until);
    await window();
    await window();
    clearInterval(alive);
  } finally {
    delay.stop();
  }
  expect(Math.max(...windows)).toBeGreaterThan(200);
  expect(delay.p99Ms).toBe(windows.at(-1));
  expect(Math.min(...windows)).toBeLessThan(200);
});
