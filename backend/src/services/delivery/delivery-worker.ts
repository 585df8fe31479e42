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
import { PossibleDuplicates } from './possible-duplicates';

export interface DeliveryWorkerParts {
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

/** One lane per destination, so that a broken one delays no other; all of them share the commits of their settlements. */
export class DeliveryWorker implements Startable {
  private readonly lanes = new Map<string, { readonly lane: DeliveryLane; readonly circuit: Circuit }>();
  /** Which destinations are paused or gone. */
  readonly holds: DestinationHolds;
  readonly duplicates = new PossibleDuplicates();
  private readonly outcomes: OutcomeRecorder;
  private stopListening: () => void = () => undefined;

  constructor(private readonly parts: DeliveryWorkerParts) {
    const { runtime, circuitCooldownMs } = parts;
    this.holds = new DestinationHolds(parts);
    this.outcomes = new OutcomeRecorder(parts);
    for (const destination of parts.destinations) {
      const circuit = new Circuit(runtime, {
        cooldownMs: circuitCooldownMs,
        maxCooldownMs: Math.max(60_000, circuitCooldownMs),
        failuresInARow: CIRCUIT_FAILURES_IN_A_ROW,
      });
      const lane = new DeliveryLane({
        ...parts,
        ...{ destination, circuit, outcomes: this.outcomes, duplicates: this.duplicates },
      });
      this.holds.adopt(destination.name, circuit);
      this.lanes.set(destination.name, { lane, circuit });
    }
  }

  async start(): Promise<void> {
    this.stopListening = this.parts.feed.listen((fact) => {
      if (fact.fact === 'accepted') for (const name of fact.destinations) this.nudge(name);
    });
    await this.holds.start();
    for (const { lane } of this.lanes.values()) await lane.start();
  }

  /** Claims no more, lets what is in flight end, and records it. */
  async stop(): Promise<void> {
    this.stopListening();
    this.outcomes.stop();
    await Promise.all([...this.lanes.values()].map(({ lane }) => lane.stop()));
    await this.outcomes.idle();
    await this.holds.stop();
  }

  /** Something may be due for this destination. */
  nudge(destination: string): void {
    this.lanes.get(destination)?.lane.nudge();
  }

  circuits(): Record<string, CircuitSnapshot> {
    return Object.fromEntries([...this.lanes].map(([name, { circuit }]) => [name, circuit.snapshot()]));
  }
}
