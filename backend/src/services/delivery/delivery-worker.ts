import type { Destination } from '../../interfaces/destination';
import type { EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';
import type { EventFeed } from '../events/event-feed';
import { Circuit, type CircuitSnapshot } from '../resilience/circuit';
import { DeliveryLane, type DeliverySettings } from './delivery-lane';
import { DestinationHolds } from './destination-holds';
import { OutcomeRecorder } from './outcome-recorder';

export interface DeliveryWorkerParts {
  /** At first; `replace` changes them. */
  readonly destinations: readonly Destination[];
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly log: Log;
  readonly settings: DeliverySettings;
  readonly circuitCooldownMs: number;
}

/** A busy destination that fails at random is not a broken one: only a longer run of failures opens its circuit. */
const CIRCUIT_FAILURES_IN_A_ROW = 10;
/** One call in this time burdens nobody, and a destination that works again waits no longer for its events. */
const COOLDOWN_MAX_MS = 15_000;

/** A destination as it is defined now, with what sends to it. */
interface ActiveDestination {
  readonly destination: Destination;
  readonly circuit: Circuit;
  readonly lane: DeliveryLane;
}

/** One lane per destination, so that a broken one delays no other; all of them share the commits of their settlements. */
export class DeliveryWorker implements Startable {
  private readonly active = new Map<string, ActiveDestination>();
  /** Lanes of destinations that are no longer there, or not as they were, while their last attempts end. */
  private readonly retiring = new Set<DeliveryLane>();
  /** Which destinations are paused or gone. */
  readonly holds: DestinationHolds;
  private readonly outcomes: OutcomeRecorder;
  private isRunning = false;
  private stopListening: () => void = () => undefined;

  constructor(private readonly parts: DeliveryWorkerParts) {
    this.holds = new DestinationHolds({ ...parts, leaseMs: parts.settings.leaseMs });
    this.outcomes = new OutcomeRecorder(parts);
    for (const destination of parts.destinations) this.active.set(destination.name, this.activate(destination));
  }

  /**
   * From now on there are these destinations and no others. One that is the same object goes on undisturbed. The others are sent
   * nothing new, their open deliveries stay in the store, and it resolves when what was in flight to them has ended and is recorded.
   */
  async replace(destinations: readonly Destination[]): Promise<void> {
    const gone = [...this.active.values()].filter(({ destination }) => !destinations.includes(destination));
    for (const { destination } of gone) this.active.delete(destination.name);
    for (const destination of destinations) {
      if (this.active.has(destination.name)) continue;
      const active = this.activate(destination);
      this.active.set(destination.name, active);
      if (this.isRunning) await startLane(active);
    }
    await Promise.all(gone.map(({ lane }) => this.retire(lane)));
  }

  async start(): Promise<void> {
    this.isRunning = true;
    this.stopListening = this.parts.feed.listen((fact) => {
      if (fact.fact === 'accepted') for (const name of fact.destinations) this.nudge(name);
    });
    await this.holds.start();
    for (const active of this.active.values()) await startLane(active);
  }

  /** Claims no more, lets what is in flight end, and records it. */
  async stop(): Promise<void> {
    this.isRunning = false;
    this.stopListening();
    this.outcomes.stop();
    const lanes = [...this.active.values()].map(({ lane }) => lane);
    await Promise.all([...lanes, ...this.retiring].map((lane) => lane.stop()));
    await this.outcomes.idle();
    await this.holds.stop();
  }

  /** Something may be due for this destination. */
  nudge(destination: string): void {
    this.active.get(destination)?.lane.nudge();
  }

  circuits(): Record<string, CircuitSnapshot> {
    return Object.fromEntries([...this.active].map(([name, { circuit }]) => [name, circuit.snapshot()]));
  }

  /** A destination that was changed starts with a closed circuit, since the change may have mended it; a hold stays. */
  private activate(destination: Destination): ActiveDestination {
    const { runtime, circuitCooldownMs } = this.parts;
    const circuit = new Circuit(runtime, {
      cooldownMs: circuitCooldownMs,
      maxCooldownMs: Math.max(COOLDOWN_MAX_MS, circuitCooldownMs),
      failuresInARow: CIRCUIT_FAILURES_IN_A_ROW,
      ...destination.contract.circuit,
    });
    this.holds.adopt(destination.name, circuit);
    const { outcomes } = this;
    const heldMs = () => this.holds.heldMs(destination.name, runtime.now());
    const lane = new DeliveryLane({ ...this.parts, destination, circuit, outcomes, heldMs });
    return { destination, circuit, lane };
  }

  private async retire(lane: DeliveryLane): Promise<void> {
    this.retiring.add(lane);
    // Each attempt has its own timeout: none has to be cut short, as at the end of the process.
    await lane.stop(this.parts.settings.leaseMs);
    this.retiring.delete(lane);
  }
}

/** Nothing is sent to a destination that is off: what was open for it waits in the store. */
async function startLane({ destination, lane }: ActiveDestination): Promise<void> {
  if (destination.mode !== 'off') await lane.start();
}
