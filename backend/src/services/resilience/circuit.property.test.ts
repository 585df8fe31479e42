import fc from 'fast-check';
import { propertyRuns, propertyTimeoutMs } from '../../../test/support/property-runs';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { Circuit } from './circuit';
import type { CircuitTicket } from './circuit';
import type { CircuitOptions } from './circuit-options';

const numRuns = propertyRuns();

/**
 * What a circuit should be, written again in the plainest way: all calls ever are kept and counted anew each time. `stay` is the number of
 * state changes so far: a ticket counts only if it is still the stay that it was given out in.
 */
interface Model {
  state: 'CLOSED' | 'OPEN' | 'HALF_OPEN';
  stay: number;
  calls: { at: number; isFailure: boolean }[];
  doublings: number;
  openUntil: number;
  /** The last stay in OPEN, which the probes after it belong to, and whether one refusal began it. */
  openStay: number;
  isTripped: boolean;
  inFlight: number;
  successes: number;
  pausedAt: number;
  pausedUntil: number;
  isHeld: boolean;
  isTrying: boolean;
  tickets: { stay: number; isSettled: boolean; trial: null | { pausedUntil: number; isOfOpen: boolean } }[];
}

interface Real {
  runtime: SimulatedRuntime;
  circuit: Circuit;
  options: CircuitOptions;
  tickets: CircuitTicket[];
}

function enter(model: Model, state: Model['state']): void {
  model.state = state;
  model.stay += 1;
  model.inFlight = 0;
  model.successes = 0;
}

function open(model: Model, { runtime, options }: Real, doublings: number, isTripped = false): void {
  enter(model, 'OPEN');
  model.openStay = model.stay;
  model.isTripped = isTripped;
  model.doublings = doublings;
  model.openUntil = runtime.monotonic() + Math.min(options.cooldownMs * 2 ** doublings, options.maxCooldownMs);
}

function look(model: Model, { runtime }: Real): void {
  if (model.state === 'OPEN' && runtime.monotonic() >= model.openUntil) enter(model, 'HALF_OPEN');
}

function isFailing(model: Model, { runtime, options }: Real): boolean {
  const recent = model.calls
    .filter(({ at }) => at > runtime.monotonic() - options.windowMs)
    .slice(-options.windowCalls);
  const failures = recent.filter((call) => call.isFailure).length;
  const row = recent.length - 1 - recent.map((call) => call.isFailure).lastIndexOf(false);
  const ratioReached = recent.length >= options.minimumCalls && failures / recent.length >= options.failureRatio;
  return ratioReached || row >= options.failuresInARow || failures >= options.failuresInWindow;
}

function probesToClose(model: Model, { options }: Real): number {
  return model.isTripped ? 1 : options.probesToClose;
}

function modelPermits(model: Model, real: Real): number {
  if (model.isHeld || real.runtime.monotonic() < model.pausedUntil || model.state === 'OPEN') return 0;
  return model.state === 'CLOSED' ? Infinity : freeProbes(model, real);
}

function freeProbes(model: Model, real: Real): number {
  return Math.max(0, Math.min(2 ** model.successes, probesToClose(model, real) - model.successes) - model.inFlight);
}

function mayTry(model: Model, real: Real): boolean {
  if (model.isHeld || model.isTrying) return false;
  const now = real.runtime.monotonic();
  if (now >= model.pausedUntil) return model.state === 'OPEN';
  if (model.state === 'HALF_OPEN' && freeProbes(model, real) === 0) return false;
  return now >= model.pausedAt + real.options.cooldownMs;
}

function check(model: Model, real: Real): void {
  look(model, real);
  const { circuit, runtime, options } = real;
  if (circuit.state !== model.state) throw new Error(`The state is ${circuit.state}, it should be ${model.state}.`);
  if (circuit.permits() !== modelPermits(model, real)) throw new Error(`Permits are ${circuit.permits()}.`);
  if (model.state === 'HALF_OPEN' && model.successes === 0 && model.inFlight > 1) throw new Error('Two first probes.');
  if (model.state === 'HALF_OPEN' && model.inFlight > options.probesToClose)
    throw new Error('More probes than needed.');
  const next = circuit.nextChangeAt();
  if (next !== null && (next <= runtime.monotonic() || circuit.permits() !== 0))
    throw new Error(`Next change ${next}.`);
  const waitsForTime = !model.isHeld && (model.state === 'OPEN' || runtime.monotonic() < model.pausedUntil);
  if (waitsForTime !== (next !== null)) throw new Error(`Next change is ${next}.`);
}

type Command = fc.Command<Model, Real>;

/** A command that can always run, and after which the model and the circuit must agree. */
function command(name: string, run: (model: Model, real: Real) => void): Command {
  const runAndCheck = (model: Model, real: Real): void => {
    look(model, real);
    run(model, real);
    check(model, real);
  };
  return { check: () => true, run: runAndCheck, toString: () => name };
}

const acquire = command('acquire', (model, real) => {
  const ticket = real.circuit.acquire();
  if ((ticket === null) !== (modelPermits(model, real) === 0)) throw new Error('Admitted against the model.');
  if (ticket === null) return;
  real.tickets.push(ticket);
  model.tickets.push({ stay: model.stay, isSettled: false, trial: null });
  model.inFlight += 1;
});

const tryOne = command('try', (model, real) => {
  const mayStart = mayTry(model, real);
  const ticket = real.circuit.acquireTrial();
  if ((ticket !== null) !== mayStart) throw new Error('A trial against the model.');
  if (ticket === null) return;
  real.tickets.push(ticket);
  const trial = { pausedUntil: model.pausedUntil, isOfOpen: model.state === 'OPEN' };
  model.tickets.push({ stay: model.stay, isSettled: false, trial });
  model.isTrying = true;
  model.inFlight += 1;
});

/** Ends the ticket that was given out `age` tickets before the newest. */
function settle(age: number, end: 'succeeded' | 'failed' | 'cancelled'): Command {
  return command(`${end}(${age})`, (model, real) => {
    const index = model.tickets.length - 1 - age;
    const ticket = model.tickets[index];
    if (ticket === undefined) return;
    real.tickets[index]?.[end]();
    const { trial, stay, isSettled } = ticket;
    ticket.isSettled = true;
    if (isSettled) return;
    if (trial !== null) {
      model.isTrying = false;
      if (end === 'succeeded' && trial.pausedUntil === model.pausedUntil) model.pausedUntil = 0;
      if (trial.isOfOpen) {
        if (end !== 'succeeded' || model.state === 'CLOSED' || stay !== model.openStay) return;
        enter(model, 'CLOSED');
        model.calls = [];
        return;
      }
    }
    if (stay !== model.stay) return;
    model.inFlight -= 1;
    if (end === 'cancelled') return;
    if (model.state === 'HALF_OPEN') {
      model.successes += 1;
      if (end === 'failed') open(model, real, model.doublings + 1);
      else if (model.successes === probesToClose(model, real)) {
        enter(model, 'CLOSED');
        model.calls = [];
      }
      return;
    }
    model.calls.push({ at: real.runtime.monotonic(), isFailure: end === 'failed' });
    if (end === 'failed' && isFailing(model, real)) open(model, real, 0);
  });
}

/** A whole call with nothing in between (where none is admitted: the newest ticket ends, perhaps a second time). */
function call(end: 'succeeded' | 'failed'): Command {
  return command(`call ${end}`, (model, real) => {
    acquire.run(model, real);
    settle(0, end).run(model, real);
  });
}

const pass = (ms: number): Command => command(`pass(${ms})`, (_model, { runtime }) => runtime.stall(ms));
const pause = (ms: number): Command =>
  command(`pause(${ms})`, (model, { runtime, circuit }) => {
    circuit.pauseFor(ms);
    if (runtime.monotonic() >= model.pausedUntil) model.pausedAt = runtime.monotonic();
    model.pausedUntil = Math.max(model.pausedUntil, runtime.monotonic() + ms);
  });
const hold = command('hold', (model, { circuit }) => {
  circuit.hold('operator');
  model.isHeld = true;
});
const release = command('release', (model, { circuit }) => {
  circuit.release();
  model.isHeld = false;
});
const trip = command('trip', (model, real) => {
  real.circuit.trip();
  if (model.state === 'CLOSED') open(model, real, 0, true);
  else if (model.state === 'HALF_OPEN') open(model, real, model.doublings + 1, true);
});

const anyEnd = fc.constantFrom('succeeded' as const, 'succeeded' as const, 'failed' as const, 'cancelled' as const);
const usual = fc.oneof(
  { weight: 4, arbitrary: fc.constant(acquire) },
  { weight: 2, arbitrary: fc.constantFrom('succeeded' as const, 'failed' as const).map(call) },
  { weight: 5, arbitrary: fc.tuple(fc.oneof(fc.nat(1), fc.nat(20)), anyEnd).map(([age, end]) => settle(age, end)) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 1_200 }).map(pass) },
);
const unusual = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2_000 }).map(pause) },
  { weight: 1, arbitrary: fc.constantFrom(hold, trip) },
  { weight: 3, arbitrary: fc.constant(tryOne) },
  { weight: 4, arbitrary: fc.constant(release) },
);
const commands = fc.commands([usual, usual, usual, usual, usual, unusual], { maxCommands: 80, size: 'max' });
const anyOptions = fc.record({
  windowCalls: fc.integer({ min: 1, max: 12 }),
  windowMs: fc.integer({ min: 500, max: 5_000 }),
  failureRatio: fc.constantFrom(0.25, 0.5, 1),
  minimumCalls: fc.integer({ min: 1, max: 8 }),
  failuresInARow: fc.constantFrom(1, 2, 3, 5, Infinity),
  failuresInWindow: fc.constantFrom(1, 3, Infinity),
  cooldownMs: fc.constant(500),
  maxCooldownMs: fc.constantFrom(500, 1_000, 3_000),
  jitter: fc.constant(0),
  probesToClose: fc.constantFrom(1, 1, 2, 2, 3, 6),
});

describe('Circuit, any interleaving of calls, time, pauses and holds', () => {
  it(
    'does what the plain model does: no call in OPEN, one first probe, doubling cooldowns, stale tickets without effect',
    () => {
      const statesSeen = { CLOSED: 0, OPEN: 0, HALF_OPEN: 0 };
      fc.assert(
        fc.property(anyOptions, commands, (options, sequence) => {
          const runtime = new SimulatedRuntime({ seed: 1 });
          const circuit = new Circuit(runtime, options);
          circuit.onChange(({ to, cause }) => {
            if (cause !== 'held' && cause !== 'released') statesSeen[to] += 1;
          });
          const model: Model = {
            state: 'CLOSED',
            stay: 0,
            calls: [],
            doublings: 0,
            openUntil: 0,
            openStay: 0,
            isTripped: false,
            inFlight: 0,
            successes: 0,
            pausedAt: 0,
            pausedUntil: 0,
            isHeld: false,
            isTrying: false,
            tickets: [],
          };
          fc.modelRun(() => ({ model, real: { runtime, circuit, options, tickets: [] } }), sequence);
        }),
        { numRuns },
      );
      // The sequences must reach every state often, or the property shows little.
      for (const count of Object.values(statesSeen)) expect(count).toBeGreaterThan(numRuns / 10);
    },
    propertyTimeoutMs,
  );
});
