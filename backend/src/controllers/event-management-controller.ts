import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { EventManagementService } from '../services/families/event-management-service';
import type { DirectoryService } from '../services/users/directory-service';
import type { ExactObject } from '../types/exact-json';
import { readIdempotencyKey } from './idempotency-key';
import { whileWaited } from './while-waited';
import { callerOf, requestIdOf, send } from './json';

export interface EventManagementControllerParts {
  readonly management: EventManagementService;
  /** Null without EVENT_API_URL. */
  readonly directory: DirectoryService | null;
  readonly readUserId: (raw: unknown) => string;
  readonly readAddEvent: (raw: unknown) => {
    readonly id: string | undefined;
    readonly name: string;
    readonly userId: string;
    readonly rest: ExactObject;
  };
}

/** HTTP of the event management family: `/getUsers`, `/getEvents`, `/getEventsByUserId/{id}`, `/addEvent`. */
export class EventManagementController {
  constructor(private readonly parts: EventManagementControllerParts) {}

  readonly getUsers = (_request: Request, response: Response): Promise<void> =>
    whileWaited(response, async (caller) => {
      const { value } = await this.directory().users(caller);
      send(response, 200, value);
    });

  readonly getEvents = (_request: Request, response: Response): Promise<void> =>
    whileWaited(response, async (caller) => {
      const { value } = await this.directory().events(caller);
      send(response, 200, value);
    });

  /** The user's events in the order of the user's own list, fetched in parallel; what could not be had is named in a header. */
  readonly getEventsByUserId = (request: Request, response: Response): Promise<void> =>
    whileWaited(response, async (caller) => {
      const directory = this.directory();
      const { value: user } = await directory.user(this.parts.readUserId(request.params['id']), caller);
      const answers = await Promise.allSettled(user.events.map((id) => directory.event(id, caller)));
      const failed = user.events.filter((_id, index) => answers[index]?.status === 'rejected');
      if (failed.length > 0) response.setHeader('X-Partial-Failures', namesOf(failed));
      send(
        response,
        200,
        answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.value] : [])),
      );
    });

  readonly addEvent = async (request: Request, response: Response): Promise<void> => {
    const { clientId } = callerOf(response);
    const event = this.parts.readAddEvent(request.body);
    const requestId = requestIdOf(response);
    const standing = await this.parts.management.add(clientId, event, readIdempotencyKey(request), requestId);
    const { eventId, status, isDuplicate } = standing;
    send(response, 202, { message: 'Event accepted', id: eventId, status, duplicate: isDuplicate });
  };

  private directory(): DirectoryService {
    if (this.parts.directory !== null) return this.parts.directory;
    throw new AppError(
      'upstream_unavailable',
      'EVENT_API_URL is not set: there is no external event API to read from.',
    );
  }
}

/** A client takes about 16 KiB of headers in all. */
const NAMES_MAX_CHARS = 4_096;

/** The ids in percent-encoding, as many as fit; how many more there are stands last as `+N`. */
function namesOf(ids: readonly string[]): string {
  const names: string[] = [];
  let length = 0;
  for (const id of ids) {
    // Half a character, which has no encoding, becomes the sign for that.
    const name = encodeURIComponent(Buffer.from(id).toString());
    length += name.length + 2;
    if (length > NAMES_MAX_CHARS) return [...names, `+${String(ids.length - names.length)}`].join(', ');
    names.push(name);
  }
  return names.join(', ');
}
