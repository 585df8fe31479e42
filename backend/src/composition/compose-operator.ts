import { DeliveryController } from '../controllers/delivery-controller';
import { DestinationController } from '../controllers/destination-controller';
import type { Destination } from '../interfaces/destination';
import type { EventStore } from '../interfaces/event-store';
import type { Runtime } from '../interfaces/runtime';
import type { Controllers } from '../routes';
import { DeadLetterService } from '../services/delivery/dead-letter-service';
import type { DeliveryWorker } from '../services/delivery/delivery-worker';
import { DestinationService } from '../services/delivery/destination-service';
import * as schemas from '../validation-schemas/operator';

export interface OperatorParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly worker: DeliveryWorker;
  readonly destinations: () => readonly Destination[];
}

/** The operator's levers: dead letters, destinations, and the record of who did what. */
export function createOperatorControllers(parts: OperatorParts): Pick<Controllers, 'deliveries' | 'destinations'> {
  const { worker } = parts;
  const { readBody, readFilterBody, readQuery } = schemas;
  const deadLetters = new DeadLetterService({ ...parts, nudge: (destination) => worker.nudge(destination) });
  const { holds } = worker;
  const destinations = new DestinationService({ ...parts, circuits: () => worker.circuits(), holds });
  return {
    deliveries: new DeliveryController(deadLetters, {
      query: (raw) => readQuery(schemas.deliveryQuerySchema, raw),
      replay: (raw) => readFilterBody(schemas.replaySchema, raw),
      discard: (raw) => readFilterBody(schemas.discardSchema, raw),
      eventReplay: (raw) => readBody(schemas.eventReplaySchema, raw),
      eventDiscard: (raw) => readBody(schemas.eventDiscardSchema, raw),
    }),
    destinations: new DestinationController(destinations, {
      pause: (raw) => readBody(schemas.pauseSchema, raw),
      resume: (raw) => readBody(schemas.emptySchema, raw),
      actions: (raw) => readQuery(schemas.actionsQuerySchema, raw),
    }),
  };
}
