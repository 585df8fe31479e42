import type { Request, Response } from 'express';

import type { DestinationService, DestinationStanding } from '../services/delivery/destination-service';
import { actionsQuerySchema, emptySchema, pauseSchema, readBody, readQuery } from '../validation-schemas/operator';
import { iso } from './event-json';
import { actorOf, send } from './json';

/** HTTP for the destinations, and for what operators did. */
export class DestinationController {
  constructor(private readonly service: DestinationService) {}

  readonly list = async (_request: Request, response: Response): Promise<void> => {
    send(response, 200, { data: (await this.service.list()).map(destinationJson) });
  };

  readonly pause = async (request: Request, response: Response): Promise<void> => {
    const { reason } = readBody(pauseSchema, request.body);
    send(response, 200, destinationJson(await this.service.pause(nameOf(request), reason, actorOf(response))));
  };

  readonly resume = async (request: Request, response: Response): Promise<void> => {
    readBody(emptySchema, request.body);
    send(response, 200, destinationJson(await this.service.resume(nameOf(request), actorOf(response))));
  };

  readonly actions = async (request: Request, response: Response): Promise<void> => {
    const actions = await this.service.actions(readQuery(actionsQuerySchema, request.query).limit);
    send(response, 200, { data: actions.map(({ at, ...action }) => ({ at: iso(at), ...action })) });
  };
}

function nameOf(request: Request): string {
  return String(request.params['name']);
}

/** The circuit is told as in GET /events/circuit-status. */
function destinationJson(standing: DestinationStanding): object {
  const { name, destination, circuit, hold, deliveries, possibleDuplicates } = standing;
  return {
    name,
    type: destination?.type ?? null,
    mode: destination?.mode ?? 'removed',
    concurrency: destination?.concurrency ?? null,
    rate_per_second: destination?.ratePerSecond ?? null,
    contract: destination && {
      max_batch: destination.contract.maxBatch,
      batch_mode: destination.contract.batchMode,
      max_age_ms: destination.contract.maxAgeMs,
      dedup_keys: destination.contract.dedupKeys,
      dedup_window_ms: destination.contract.dedupWindowMs,
      test_mode: destination.contract.testMode,
    },
    circuit,
    hold: hold && { kind: hold.kind, since: iso(hold.since), reason: hold.reason, actor: hold.actor },
    deliveries,
    possible_duplicates: possibleDuplicates,
  };
}
