import { AppError } from '../../errors';
import type { Destination } from '../../interfaces/destination';
import type { EventStore } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { Hold, OperatorAction } from '../../types/delivery';
import type { DeliveryStatus } from '../../types/event';
import type { CircuitSnapshot } from '../resilience/circuit';
import type { DestinationHolds } from './destination-holds';

export interface DestinationServiceParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly destinations: () => readonly Destination[];
  readonly circuits: () => Readonly<Record<string, CircuitSnapshot>>;
  readonly holds: DestinationHolds;
}

/** A destination as operators see it. What is no longer configured but still has deliveries or a hold has no `destination`. */
export interface DestinationStanding {
  readonly name: string;
  readonly destination: Destination | null;
  readonly circuit: CircuitSnapshot | null;
  readonly hold: Hold | null;
  readonly deliveries: Readonly<Record<DeliveryStatus, number>>;
  /** By reason, since the store was made. */
  readonly possibleDuplicates: Readonly<Record<string, number>>;
}

const NONE: Readonly<Record<DeliveryStatus, number>> = {
  ...{ pending: 0, delivering: 0, delivered: 0, dead: 0, discarded: 0 },
};

/** How the destinations stand, and an operator's hand on them. */
export class DestinationService {
  constructor(private readonly parts: DestinationServiceParts) {}

  async list(): Promise<DestinationStanding[]> {
    const { store, destinations, circuits, holds } = this.parts;
    const configured = new Map(destinations().map((destination) => [destination.name, destination]));
    const counts = new Map<string, Record<DeliveryStatus, number>>();
    for (const { destination, status, count } of await store.deliveries.countByStatus()) {
      const known = counts.get(destination) ?? { ...NONE };
      counts.set(destination, { ...known, [status]: count });
    }
    const duplicates = new Map<string, Record<string, number>>();
    for (const { destination, reason, count } of await store.deliveries.possibleDuplicates()) {
      duplicates.set(destination, { ...duplicates.get(destination), [reason]: count });
    }
    const names = [...new Set([...configured.keys(), ...counts.keys()])];
    return names.map((name) => ({
      name,
      destination: configured.get(name) ?? null,
      circuit: circuits()[name] ?? null,
      hold: holds.of(name),
      deliveries: counts.get(name) ?? NONE,
      possibleDuplicates: duplicates.get(name) ?? {},
    }));
  }

  /** Throws `not_found`. */
  async find(name: string): Promise<DestinationStanding> {
    const standing = (await this.list()).find((one) => one.name === name);
    if (standing !== undefined) return standing;
    const names = this.parts.destinations().map((destination) => destination.name);
    throw new AppError('not_found', `There is no destination ${name}; there are: ${names.join(', ') || 'none'}.`);
  }

  /** Nothing is sent to it until it is resumed; its events are kept. Throws `not_found`. */
  async pause(name: string, reason: string, actor: string): Promise<DestinationStanding> {
    await this.find(name);
    await this.parts.holds.pause(name, reason, actor);
    return this.find(name);
  }

  /** Ends a pause, and the hold after a 410. Throws `not_found`. */
  async resume(name: string, actor: string): Promise<DestinationStanding> {
    await this.find(name);
    await this.parts.holds.resume(name, actor);
    return this.find(name);
  }

  /** What operators did, newest first. */
  actions(limit: number): Promise<OperatorAction[]> {
    return this.parts.store.operator.actions(limit);
  }
}
