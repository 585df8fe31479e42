import type { Request, Response } from 'express';

import { AppError, type FieldError } from '../errors';
import type {
  DeadLetterService,
  DeliveryFilter,
  EventChoice,
  ReplayReport,
} from '../services/delivery/dead-letter-service';
import { readTimeBound } from '../services/events/time-bound';
import type { DeadReason, DeliveryFilterInput, EventView } from '../types/delivery';
import {
  deliveryQuerySchema,
  discardSchema,
  eventDiscardSchema,
  eventReplaySchema,
  readBody,
  readFilterBody,
  readQuery,
  replaySchema,
} from '../validation-schemas/operator';
import { listedDeliveryJson } from './event-json';
import { actorOf, send, sendPage } from './json';

interface ChoiceInput {
  readonly client_id?: string;
  readonly destination?: string;
}

/** HTTP for deliveries and dead letters. */
export class DeliveryController {
  constructor(private readonly service: DeadLetterService) {}

  readonly list = async (request: Request, response: Response): Promise<void> => {
    const { limit, cursor, ...filter } = readQuery(deliveryQuerySchema, request.query);
    const query = { ...toFilter(filter), limit, ...(cursor !== undefined && { cursor }) };
    sendPage(request, response, await this.service.list(query), listedDeliveryJson);
  };

  readonly replay = async (request: Request, response: Response): Promise<void> => {
    const { dry_run: isDryRun, force, ...input } = readFilterBody(replaySchema, request.body);
    const status = input.status === 'delivered' ? 'delivered' : 'dead';
    const filter = { ...toFilter(input), status } as const;
    const report = await this.service.replay(
      { filter, isDryRun, force, actor: actorOf(response) },
      untilGone(response),
    );
    send(response, 200, replayJson(report, isDryRun, force));
  };

  readonly discard = async (request: Request, response: Response): Promise<void> => {
    const { dry_run: isDryRun, reason, ...input } = readFilterBody(discardSchema, request.body);
    const status = input.status === 'pending' ? 'pending' : 'dead';
    const filter = { ...toFilter(input), status } as const;
    const asked = { filter, isDryRun, reason, actor: actorOf(response) };
    send(response, 200, { dry_run: isDryRun, ...(await this.service.discard(asked, untilGone(response))) });
  };

  readonly replayEvent = async (request: Request, response: Response): Promise<void> => {
    const { force, ...input } = readBody(eventReplaySchema, request.body);
    const { view, replayed } = await this.service.replayEvent(choiceOf(request, response, input), force);
    send(response, 202, { ...standingJson(view), replayed });
  };

  readonly discardEvent = async (request: Request, response: Response): Promise<void> => {
    const { reason, ...input } = readBody(eventDiscardSchema, request.body);
    const { view, discarded } = await this.service.discardEvent(choiceOf(request, response, input), reason);
    send(response, 200, { ...standingJson(view), discarded });
  };
}

/** Aborts when whoever asked is no longer there to read the answer. */
function untilGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function choiceOf(request: Request, response: Response, input: ChoiceInput): EventChoice {
  const eventId = String(request.params['id']).toLowerCase();
  return { eventId, clientId: input.client_id, destination: input.destination, actor: actorOf(response) };
}

function toFilter(input: DeliveryFilterInput): DeliveryFilter {
  const errors: FieldError[] = [];
  const filter = {
    status: input.status,
    destination: input.destination,
    eventName: input.event_name,
    clientId: input.client_id,
    eventId: input.event_id?.toLowerCase(),
    deadReason: input.dead_reason as DeadReason | undefined,
    userId: input.user_id,
    httpStatus: input.http_status,
    error: input.error,
    from: readTimeBound('from', input.from, errors),
    to: readTimeBound('to', input.to, errors),
  };
  if (errors.length > 0) {
    throw new AppError('validation_failed', 'The filter has faults; each is named in errors.', { errors });
  }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function replayJson({ matched, tooOld, countsTwice, replayed }: ReplayReport, isDryRun: boolean, force: boolean) {
  const refused = force ? 0 : tooOld + countsTwice;
  return { dry_run: isDryRun, matched, too_old: tooOld, would_count_twice: countsTwice, refused, replayed };
}

function standingJson({ event, status, deliveries }: EventView): object {
  const standings = deliveries.map(({ destination, status: standing }) => ({ destination, status: standing }));
  return { event_id: event.eventId, status, deliveries: standings };
}
