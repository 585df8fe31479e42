import { callVerb, storeOf, withVerbs } from '../../src/external-services/stores/verbs';
import type { EventStore } from '../../src/interfaces/event-store';
import type { ClaimedDelivery } from '../../src/types/delivery';
import type { MemoryEventStore } from '../support/memory-event-store';
import type { SimulatedDisk } from './simulated-disk';
import type { SimulatedProcess } from './simulated-process';

/** What the checker is told of the store's calls. Times are monotonic. */
export interface StoreWatch {
  claimed(destination: string, askedAt: number, deliveries: readonly ClaimedDelivery[]): void;
  settled(process: SimulatedProcess, isStored: boolean): void;
  replayed(deliveryIds: readonly number[]): void;
}

/** One process's connection to the disk: what changes something is a transaction there, what reads waits for no lock. */
export function simulatedStore(
  disk: SimulatedDisk,
  memory: MemoryEventStore,
  process: SimulatedProcess,
  watch: StoreWatch,
): EventStore {
  const store = storeOf((verb) => async (...args) => {
    // The disk stays; a connection has nothing of its own.
    if (verb.effect === 'ends') return undefined;
    const call = () => callVerb(memory, verb, args);
    return verb.effect === 'reads' ? disk.read(process, call) : disk.write(process, verb.name, call);
  });
  return withVerbs(store, {
    deliveries: {
      claimDue: async (request) => {
        const askedAt = process.monotonic();
        const result = await store.deliveries.claimDue(request);
        watch.claimed(request.destination, askedAt, result.claimed);
        return result;
      },
      settle: async (settlements) => {
        try {
          const results = await store.deliveries.settle(settlements);
          watch.settled(process, true);
          return results;
        } catch (error) {
          watch.settled(process, false);
          throw error;
        }
      },
    },
    operator: {
      replay: (command) =>
        disk.write(process, 'replay', () => {
          const { deliveries } = memory.snapshot();
          const statusOf = (id: number) => deliveries.get(id)?.status;
          watch.replayed(command.deliveryIds.filter((id) => command.from.some((status) => status === statusOf(id))));
          return memory.operator.replay(command);
        }),
    },
  });
}
