import { DeliveryController } from '../controllers/delivery-controller';
import { DestinationController } from '../controllers/destination-controller';
import type { Destination } from '../interfaces/destination';
import type { EventStore } from '../interfaces/event-store';
import type { Runtime } from '../interfaces/runtime';
import type { Controllers } from '../routes/route';
import { DeadLetterService } from '../services/delivery/dead-letter-service';
import type { DeliveryWorker } from '../services/delivery/delivery-worker';
import { DestinationService } from '../services/delivery/destination-service';

export interface OperatorParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly worker: DeliveryWorker;
  readonly destinations: () => readonly Destination[];
}

/** The operator's levers: dead letters, destinations, and the record of who did what. */
export function createOperatorControllers(parts: OperatorParts): Pick<Controllers, 'deliveries' | 'destinations'> {
  const { worker } = parts;
  const deadLetters = new DeadLetterService({ ...parts, nudge: (destination) => worker.nudge(destination) });
  const { holds } = worker;
  const destinations = new DestinationService({ ...parts, circuits: () => worker.circuits(), holds });
  return {
    deliveries: new DeliveryController(deadLetters),
    destinations: new DestinationController(destinations),
  };
}
