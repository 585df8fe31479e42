import { getEventListeners } from 'node:events';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { deadline } from './deadline';

function setUp() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const parent = new AbortController();
  /** Timers and listeners that would outlive the work. */
  const leftBehind = (): number => runtime.pendingTimers + getEventListeners(parent.signal, 'abort').length;
  return { runtime, parent, leftBehind };
}

describe('deadline', () => {
  it('aborts when the time is over, with a TimeoutError, and leaves nothing behind', async () => {
    const { runtime, parent, leftBehind } = setUp();
    const { signal, remainingMs } = deadline(runtime, 1_400, parent.signal);
    expect(leftBehind()).toBe(2);
    await runtime.advance(1_399);
    expect(signal.aborted).toBe(false);
    expect(remainingMs()).toBe(1);
    await runtime.advance(1);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'It was not done within 1400 ms.' });
    expect(remainingMs()).toBe(0);
    expect(leftBehind()).toBe(0);
  });

  it('takes a reason of the caller', async () => {
    const { runtime } = setUp();
    const { signal } = deadline(runtime, 10, undefined, 'attempt_timeout');
    await runtime.advance(10);
    expect(signal.reason).toBe('attempt_timeout');
  });

  it('aborts with its parent, with its reason, and leaves nothing behind', () => {
    const { runtime, parent, leftBehind } = setUp();
    const { signal, remainingMs } = deadline(runtime, 1_000, parent.signal, 'attempt_timeout');
    parent.abort('shutdown');
    expect(signal.reason).toBe('shutdown');
    expect(remainingMs()).toBe(0);
    expect(leftBehind()).toBe(0);
  });

  it('is aborted from the start when its parent is', () => {
    const { runtime, parent, leftBehind } = setUp();
    parent.abort('shutdown');
    const { signal } = deadline(runtime, 1_000, parent.signal);
    expect(signal.reason).toBe('shutdown');
    expect(leftBehind()).toBe(0);
  });

  it.each([0, -5, NaN])('is aborted from the start with %p ms', (ms) => {
    const { runtime, parent, leftBehind } = setUp();
    const { signal, remainingMs } = deadline(runtime, ms, parent.signal);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' });
    expect(remainingMs()).toBe(0);
    expect(leftBehind()).toBe(0);
  });

  it('never aborts once cleared, and leaves nothing behind', async () => {
    const { runtime, parent, leftBehind } = setUp();
    const { signal, clear } = deadline(runtime, 1_000, parent.signal);
    clear();
    clear();
    expect(leftBehind()).toBe(0);
    await runtime.advance(2_000);
    parent.abort();
    expect(signal.aborted).toBe(false);
  });

  it('leaves no listener on a long-lived parent after a thousand of them', async () => {
    const { runtime, parent, leftBehind } = setUp();
    const deadlines = Array.from({ length: 1_000 }, (_, index) => deadline(runtime, index, parent.signal));
    await runtime.advance(500);
    deadlines.forEach(({ clear }) => clear());
    expect(deadlines.filter(({ signal }) => signal.aborted)).toHaveLength(501);
    expect(leftBehind()).toBe(0);
  });
});
