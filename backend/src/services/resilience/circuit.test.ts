import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { Circuit } from './circuit';
import type { CircuitTicket } from './circuit';
import type { CircuitChange } from './circuit-machine';
import type { CircuitOptions } from './circuit-options';

/** A circuit without jitter, so that its times are exact. */
function circuitWith(options: Partial<CircuitOptions> = {}) {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const circuit = new Circuit(runtime, { jitter: 0, ...options });
  const changes: CircuitChange[] = [];
  circuit.onChange((change) => changes.push(change));
  const take = (): CircuitTicket => {
    const ticket = circuit.acquire();
    if (ticket === null) throw new Error('No permit.');
    return ticket;
  };
  const end = (...ends: ('succeeded' | 'failed' | 'cancelled')[]): void => ends.forEach((how) => take()[how]());
  const openIt = (): void => {
    while (circuit.state === 'CLOSED') end('failed');
  };
  return { runtime, circuit, changes, take, end, openIt };
}

describe('Circuit, closed', () => {
  it('admits everything and shows nothing to worry about', () => {
    const { circuit } = circuitWith();
    expect(circuit.permits()).toBe(Infinity);
    expect(circuit.nextChangeAt()).toBeNull();
    const nothing = { failures: 0, lastFailure: null, sinceLastFailure: null, retryAt: null };
    expect(circuit.snapshot()).toEqual({ state: 'CLOSED', ...nothing });
  });

  it('opens after five failures in a row, not before, and a success between starts the count anew', () => {
    const { circuit, end } = circuitWith();
    end('failed', 'failed', 'failed', 'failed', 'succeeded', 'failed', 'failed', 'failed', 'failed');
    expect(circuit.state).toBe('CLOSED');
    end('failed');
    expect(circuit.state).toBe('OPEN');
  });

  it('opens at the failure ratio once the window holds enough calls', () => {
    const { circuit, end } = circuitWith({ minimumCalls: 10, failureRatio: 0.5 });
    for (let pair = 0; pair < 4; pair += 1) end('succeeded', 'failed');
    end('succeeded');
    expect(circuit.state).toBe('CLOSED');
    end('failed');
    expect(circuit.state).toBe('OPEN');
  });

  it('looks at the last windowCalls calls only', () => {
    const { circuit, end } = circuitWith({ windowCalls: 4, minimumCalls: 4, failureRatio: 0.75, failuresInARow: 99 });
    end('failed', 'failed', 'succeeded', 'succeeded', 'succeeded', 'failed', 'failed');
    expect(circuit.state).toBe('CLOSED');
    expect(circuit.snapshot().failures).toBe(2);
    end('failed');
    expect(circuit.state).toBe('OPEN');
  });

  it('forgets what is older than windowMs', async () => {
    const { runtime, circuit, end } = circuitWith({ windowMs: 30_000 });
    end('failed', 'failed', 'failed', 'failed');
    await runtime.advance(30_000);
    expect(circuit.snapshot().failures).toBe(0);
    end('failed');
    expect(circuit.state).toBe('CLOSED');
  });

  it('can open at three failures in 30 s, whatever succeeded between', async () => {
    const { runtime, circuit, end } = circuitWith({ failuresInWindow: 3, windowMs: 30_000 });
    end('failed', 'succeeded');
    await runtime.advance(15_000);
    end('failed', 'succeeded');
    await runtime.advance(15_000);
    end('failed');
    expect(circuit.state).toBe('CLOSED');
    await runtime.advance(14_999);
    end('succeeded', 'failed');
    expect(circuit.state).toBe('OPEN');
  });

  it('does not count what was cancelled', () => {
    const { circuit, end } = circuitWith({ failuresInARow: 2 });
    end('failed', 'cancelled', 'cancelled');
    expect(circuit.state).toBe('CLOSED');
    end('failed');
    expect(circuit.state).toBe('OPEN');
  });

  it('takes only the first end of a ticket', () => {
    const { circuit, take } = circuitWith({ failuresInARow: 2 });
    const ticket = take();
    ticket.failed();
    ticket.failed();
    ticket.succeeded();
    ticket.cancelled();
    expect(circuit.snapshot()).toMatchObject({ state: 'CLOSED', failures: 1 });
  });
});

describe('Circuit, open', () => {
  it('admits nothing until the cooldown is over, and says when that is', async () => {
    const { runtime, circuit, openIt } = circuitWith();
    openIt();
    await runtime.advance(4_999);
    expect(circuit.permits()).toBe(0);
    expect(circuit.acquire()).toBeNull();
    expect(circuit.nextChangeAt()).toBe(5_000);
    await runtime.advance(1);
    expect(circuit.state).toBe('HALF_OPEN');
    expect(circuit.permits()).toBe(1);
    expect(circuit.nextChangeAt()).toBeNull();
  });

  it('doubles the cooldown with each failed probe up to the cap, and starts anew after it closed', async () => {
    const { runtime, circuit, end, openIt } = circuitWith({ maxCooldownMs: 30_000, probesToClose: 1 });
    openIt();
    for (const cooldownMs of [5_000, 10_000, 20_000, 30_000, 30_000]) {
      expect(circuit.nextChangeAt()).toBe(runtime.monotonic() + cooldownMs);
      await runtime.advance(cooldownMs);
      end('failed');
    }
    await runtime.advance(30_000);
    end('succeeded');
    expect(circuit.state).toBe('CLOSED');
    openIt();
    expect(circuit.nextChangeAt()).toBe(runtime.monotonic() + 5_000);
  });

  it('shortens a cooldown by the jitter, never lengthens it', () => {
    const waits = new Set<number>();
    for (let seed = 0; seed < 200; seed += 1) {
      const circuit = new Circuit(new SimulatedRuntime({ seed }), { jitter: 0.2 });
      circuit.trip();
      waits.add(circuit.nextChangeAt() ?? 0);
    }
    expect(waits.size).toBeGreaterThan(190);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(4_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
  });

  it('shows failures, the last one and the time of the next probe, by the wall clock of now', async () => {
    const { runtime, circuit, openIt } = circuitWith();
    await runtime.advance(1_000);
    openIt();
    const failedAt = runtime.now();
    await runtime.advance(2_000);
    const shown = { state: 'OPEN', failures: 5, lastFailure: failedAt, sinceLastFailure: 2_000 };
    expect(circuit.snapshot()).toEqual({ ...shown, retryAt: failedAt + 5_000 });
    runtime.jumpWallClock(-3_600_000);
    expect(circuit.snapshot()).toEqual({ ...shown, retryAt: failedAt + 5_000 - 3_600_000 });
  });

  it('is not moved by calls that were under way when it opened', async () => {
    const { runtime, circuit, take, openIt } = circuitWith();
    const [late, later, latest] = [take(), take(), take()];
    openIt();
    late.succeeded();
    expect(circuit.state).toBe('OPEN');
    later.failed();
    expect(circuit.nextChangeAt()).toBe(5_000);
    await runtime.advance(5_000);
    const probe = take();
    latest.failed();
    expect(circuit.state).toBe('HALF_OPEN');
    expect(circuit.permits()).toBe(0);
    probe.cancelled();
    expect(circuit.permits()).toBe(1);
  });
});

describe('Circuit, half-open', () => {
  it('admits one probe at a time and closes after two successes', async () => {
    const { runtime, circuit, take, openIt } = circuitWith();
    openIt();
    await runtime.advance(5_000);
    const first = take();
    expect(circuit.acquire()).toBeNull();
    first.succeeded();
    expect(circuit.state).toBe('HALF_OPEN');
    const second = take();
    expect(circuit.acquire()).toBeNull();
    second.succeeded();
    expect(circuit.snapshot()).toMatchObject({ state: 'CLOSED', failures: 0 });
  });

  it('admits 1, 2, 4 … with each success, never more than are still needed', async () => {
    const { runtime, circuit, end, openIt } = circuitWith({ probesToClose: 7 });
    openIt();
    await runtime.advance(5_000);
    const permits: number[] = [];
    while (circuit.state === 'HALF_OPEN') {
      permits.push(circuit.permits());
      end('succeeded');
    }
    expect(permits).toEqual([1, 2, 4, 4, 3, 2, 1]);
  });

  it('gives the place of a cancelled probe back', async () => {
    const { runtime, circuit, end, openIt } = circuitWith();
    openIt();
    await runtime.advance(5_000);
    end('cancelled', 'cancelled', 'cancelled');
    expect(circuit.state).toBe('HALF_OPEN');
    expect(circuit.permits()).toBe(1);
  });

  it('opens with the first failed probe; the other probes then say nothing', async () => {
    const { runtime, circuit, take, end, openIt } = circuitWith({ probesToClose: 4 });
    openIt();
    await runtime.advance(5_000);
    end('succeeded');
    const [one, other] = [take(), take()];
    one.failed();
    expect(circuit.snapshot()).toMatchObject({ state: 'OPEN', failures: 6 });
    await runtime.advance(10_000);
    other.succeeded();
    expect(circuit.permits()).toBe(1);
  });
});

describe('Circuit, told from outside', () => {
  it('pauses without a failure, for the longest time asked for, in any state', async () => {
    const { runtime, circuit, openIt } = circuitWith();
    circuit.pauseFor(3_000);
    circuit.pauseFor(1_000);
    expect(circuit.permits()).toBe(0);
    expect(circuit.nextChangeAt()).toBe(3_000);
    expect(circuit.snapshot()).toMatchObject({ state: 'CLOSED', failures: 0, retryAt: runtime.now() + 3_000 });
    await runtime.advance(3_000);
    expect(circuit.permits()).toBe(Infinity);
    openIt();
    circuit.pauseFor(8_000);
    expect(circuit.nextChangeAt()).toBe(11_000);
    await runtime.advance(5_000);
    expect(circuit.state).toBe('HALF_OPEN');
    expect(circuit.permits()).toBe(0);
    await runtime.advance(3_000);
    expect(circuit.permits()).toBe(1);
    expect(() => circuit.pauseFor(Infinity)).toThrow(RangeError);
  });

  it('holds whatever the state until released, and shows the reason and the state', async () => {
    const { runtime, circuit, changes, openIt } = circuitWith();
    circuit.hold('operator');
    circuit.hold('unauthorized');
    expect(circuit.permits()).toBe(0);
    expect(circuit.acquire()).toBeNull();
    expect(circuit.heldFor).toBe('unauthorized');
    expect(circuit.snapshot()).toMatchObject({ state: 'OPEN', retryAt: null });
    circuit.release();
    circuit.release();
    expect(circuit.snapshot()).toMatchObject({ state: 'CLOSED', retryAt: null });
    expect(circuit.heldFor).toBeNull();
    openIt();
    circuit.hold('operator');
    await runtime.advance(5_000);
    expect(circuit.state).toBe('HALF_OPEN');
    expect(circuit.permits()).toBe(0);
    expect(circuit.nextChangeAt()).toBeNull();
    circuit.release();
    expect(circuit.permits()).toBe(1);
    const causes = changes.map((change) => change.cause).join(' ');
    expect(causes).toBe('held released failures held cooldown_over released');
  });

  it('trips at once when closed or half-open, and not again when open', async () => {
    const { runtime, circuit } = circuitWith();
    circuit.trip();
    circuit.trip();
    expect(circuit.snapshot()).toMatchObject({ state: 'OPEN', failures: 1, lastFailure: runtime.now() });
    expect(circuit.nextChangeAt()).toBe(5_000);
    await runtime.advance(5_000);
    circuit.trip();
    expect(circuit.nextChangeAt()).toBe(15_000);
  });

  it('tells its listeners of each change once, until they leave', async () => {
    const { runtime, circuit, changes, end, openIt } = circuitWith({ probesToClose: 1 });
    const seen: string[] = [];
    const leave = circuit.onChange((change) => seen.push(`${change.to} ${circuit.permits()}`));
    openIt();
    await runtime.advance(5_000);
    circuit.permits();
    circuit.permits();
    end('failed');
    await runtime.advance(10_000);
    end('succeeded');
    leave();
    openIt();
    expect(changes.map(({ from, to, cause }) => `${from} ${to} ${cause}`)).toEqual([
      'CLOSED OPEN failures',
      'OPEN HALF_OPEN cooldown_over',
      'HALF_OPEN OPEN probe_failed',
      'OPEN HALF_OPEN cooldown_over',
      'HALF_OPEN CLOSED probes_succeeded',
      'CLOSED OPEN failures',
    ]);
    expect(seen).toEqual(['OPEN 0', 'HALF_OPEN 1', 'OPEN 0', 'HALF_OPEN 1', 'CLOSED Infinity']);
  });
});

describe('Circuit, a trial', () => {
  it('is one call at a time while it is open, and its success closes it at once', () => {
    const { circuit, changes, openIt } = circuitWith({ probesToClose: 5 });
    expect(circuit.acquireTrial()).toBeNull();
    openIt();
    expect(circuit.trialAt()).toBe(0);
    const trial = circuit.acquireTrial();
    expect(circuit.acquireTrial()).toBeNull();
    trial?.failed();
    expect(circuit.state).toBe('OPEN');
    circuit.acquireTrial()?.succeeded();
    expect(circuit.snapshot()).toMatchObject({ state: 'CLOSED', failures: 0 });
    expect(changes.map(({ cause }) => cause)).toEqual(['failures', 'trial_succeeded']);
  });

  it('speaks of the probes that follow, not of a later opening, and of no hold', async () => {
    const { runtime, circuit, end, openIt } = circuitWith();
    openIt();
    const first = circuit.acquireTrial();
    await runtime.advance(5_000);
    expect(circuit.state).toBe('HALF_OPEN');
    first?.succeeded();
    expect(circuit.state).toBe('CLOSED');
    openIt();
    const second = circuit.acquireTrial();
    await runtime.advance(5_000);
    end('failed');
    second?.succeeded();
    expect(circuit.state).toBe('OPEN');
    circuit.hold('operator');
    expect(circuit.trialAt()).toBeNull();
  });

  it('of a pause waits for the first cooldown, and its success ends the pause', async () => {
    const { runtime, circuit } = circuitWith();
    circuit.pauseFor(30_000);
    await runtime.advance(1_000);
    circuit.pauseFor(60_000);
    expect(circuit.trialAt()).toBe(5_000);
    expect(circuit.acquireTrial()).toBeNull();
    await runtime.advance(4_000);
    circuit.acquireTrial()?.failed();
    expect(circuit.isPaused).toBe(true);
    circuit.acquireTrial()?.succeeded();
    expect(circuit.permits()).toBe(Infinity);
  });

  it('leaves a pause that was asked for after it began', async () => {
    const { runtime, circuit } = circuitWith();
    circuit.pauseFor(30_000);
    await runtime.advance(5_000);
    const trial = circuit.acquireTrial();
    circuit.pauseFor(60_000);
    trial?.succeeded();
    expect(circuit.isPaused).toBe(true);
  });
});

describe('Circuit, refused by one answer', () => {
  it('closes at the first success of a probe', async () => {
    const { runtime, circuit, end } = circuitWith({ probesToClose: 5 });
    circuit.trip();
    await runtime.advance(5_000);
    end('succeeded');
    expect(circuit.state).toBe('CLOSED');
  });

  it('stays open for an hour after 410, until somebody resumes it or it answers otherwise', async () => {
    const { runtime, circuit, changes } = circuitWith();
    circuit.trip('gone');
    circuit.trip();
    expect(circuit.nextChangeAt()).toBe(5_000);
    circuit.resume();
    circuit.trip('gone');
    expect(circuit.nextChangeAt()).toBe(3_600_000);
    circuit.acquireTrial()?.failed();
    expect(circuit.nextChangeAt()).toBe(5_000);
    circuit.resume();
    expect(circuit.state).toBe('OPEN');
    await runtime.advance(5_000);
    circuit.trip('gone');
    circuit.hold('gone');
    circuit.release();
    expect(circuit.state).toBe('CLOSED');
    expect(changes.map(({ cause }) => cause)).toEqual([
      ...[
        'gone',
        'tripped',
        'released',
        'gone',
        'probe_failed',
        'cooldown_over',
        'gone',
        'held',
        'released',
        'released',
      ],
    ]);
  });
});
