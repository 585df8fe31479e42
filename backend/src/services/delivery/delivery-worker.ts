import type { Destination } from '../../interfaces/destination';
import type { EventStore, Settlement, SettleResult } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';
import type { EventFeed } from '../events/event-feed';
import { Batcher } from '../resilience/batcher';
import { Circuit, type CircuitSnapshot } from '../resilience/circuit';
import { DeliveryLane, type DeliverySettings } from './delivery-lane';

export interface DeliveryWorkerParts {
  readonly destinations: readonly Destination[];
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly log: Log;
  readonly settings: DeliverySettings;
  readonly circuitCooldownMs: number;
}

const SETTLEMENTS_PER_COMMIT = 200;

/** A busy destination that fails at random is not a broken one: only a longer run of failures opens its circuit. */
const CIRCUIT_FAILURES_IN_A_ROW = 10;

/** One lane per destination, so that a broken one delays no other; all of them share the commits of their settlements. */
export class DeliveryWorker implements Startable {
  private readonly lanes = new Map<string, { readonly lane: DeliveryLane; readonly circuit: Circuit }>();
  private readonly settlements: Batcher<Settlement, SettleResult>;
  private stopListening: () => void = () => undefined;

  constructor(private readonly parts: DeliveryWorkerParts) {
    const { runtime, store, circuitCooldownMs } = parts;
    this.settlements = new Batcher<Settlement, SettleResult>({
      runtime,
      flush: (settlements) => store.settle(settlements),
      maxItems: SETTLEMENTS_PER_COMMIT,
      // Bounded already by the concurrency of all lanes: an outcome is never turned away.
      maxWaiting: Infinity,
    });
    for (const destination of parts.destinations) {
      const circuit = new Circuit(runtime, {
        cooldownMs: circuitCooldownMs,
        maxCooldownMs: Math.max(60_000, circuitCooldownMs),
        failuresInARow: CIRCUIT_FAILURES_IN_A_ROW,
      });
      const lane = new DeliveryLane({ ...parts, destination, circuit, settlements: this.settlements });
      this.lanes.set(destination.name, { lane, circuit });
    }
  }

  async start(): Promise<void> {
    this.stopListening = this.parts.feed.listen((fact) => {
      if (fact.fact === 'accepted') for (const name of fact.destinations) this.lanes.get(name)?.lane.nudge();
    });
    for (const { lane } of this.lanes.values()) await lane.start();
  }

  /** Claims no more, lets what is in flight end, and records it. */
  async stop(): Promise<void> {
    this.stopListening();
    await Promise.all([...this.lanes.values()].map(({ lane }) => lane.stop()));
    await this.settlements.idle();
  }

  circuits(): Record<string, CircuitSnapshot> {
    return Object.fromEntries([...this.lanes].map(([name, { circuit }]) => [name, circuit.snapshot()]));
  }
}
