import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { Page } from '../interfaces/event-store';
import type { EventService } from '../services/events/event-service';
import type { EventView } from '../types/delivery';
import type { EventKey, EventQueryInput } from '../types/event';
import { readEventQuery } from '../validation-schemas/event';
import { attemptJson, eventJson } from './event-json';
import { callerOf, send, sendPage } from './json';

/** HTTP for reading events back. A caller sees its own, or every client's with the scope for it. */
export class EventReadController {
  constructor(private readonly events: EventService) {}

  readonly get = async (request: Request, response: Response): Promise<void> => {
    send(response, 200, eventJson(await this.events.find(keyOf(request, response))));
  };

  readonly getAttempts = async (request: Request, response: Response): Promise<void> => {
    const attempts = await this.events.attempts(keyOf(request, response));
    send(response, 200, { data: attempts.map(attemptJson) });
  };

  readonly list = async (request: Request, response: Response): Promise<void> => {
    const query = readEventQuery(request.query);
    sendPage(request, response, await this.page(query.user_id, query, response), eventJson);
  };

  readonly listOfUser = async (request: Request, response: Response): Promise<void> => {
    if (request.query['user_id'] !== undefined) {
      const errors = [{ pointer: '/user_id', detail: 'is given by the path already' }];
      throw new AppError('validation_failed', 'The query has faults; each is named in errors.', { errors });
    }
    const query = readEventQuery({ ...request.query, user_id: String(request.params['id']) });
    sendPage(request, response, await this.page(query.user_id, query, response), eventJson);
  };

  private page(userId: string | undefined, query: EventQueryInput, response: Response): Promise<Page<EventView>> {
    const { event_name: eventName, status, destination, from, to, limit, cursor } = query;
    const request = { userId, eventName, status, destination, from, to, limit, cursor };
    return this.events.list(clientOf(response), request);
  }
}

/** Whose events the caller sees: null for everyone's. */
function clientOf(response: Response): string | null {
  const caller = callerOf(response);
  return caller.scopes.includes('events:read:all') ? null : caller.clientId;
}

function keyOf(request: Request, response: Response): EventKey {
  return { eventId: String(request.params['id']).toLowerCase(), clientId: clientOf(response) };
}
