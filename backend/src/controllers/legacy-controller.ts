import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { LegacyService } from '../services/legacy/legacy-service';
import type { DirectoryService } from '../services/users/directory-service';
import { readAddEvent, readTracking, readTrackingQuery } from '../validation-schemas/legacy';
import { readUserId } from '../validation-schemas/user';
import { readIdempotencyKey } from './idempotency-key';
import { callerOf, requestIdOf, send, withClientAbort } from './json';

export interface LegacyControllerParts {
  readonly legacy: LegacyService;
  /** Null without EVENT_API_URL. */
  readonly directory: DirectoryService | null;
}

/**
 * HTTP of the legacy API: `/getUsers`, `/getEvents`, `/getEventsByUserId/{id}`, `/addEvent`,
 * `/v1/users/events`.
 */
export class LegacyController {
  constructor(private readonly parts: LegacyControllerParts) {}

  readonly getUsers = (_request: Request, response: Response): Promise<void> =>
    withClientAbort(response, async (caller) => {
      const { value } = await this.directory().users(caller);
      send(response, 200, value);
    });

  readonly getEvents = (_request: Request, response: Response): Promise<void> =>
    withClientAbort(response, async (caller) => {
      const { value } = await this.directory().events(caller);
      send(response, 200, value);
    });

  /**
   * The user's events in the order of the user's own list, fetched in parallel; what could not be
   * had is named in a header.
   */
  readonly getEventsByUserId = (request: Request, response: Response): Promise<void> =>
    withClientAbort(response, async (caller) => {
      const directory = this.directory();
      const { value: user } = await directory.user(readUserId(request.params['id']), caller);
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
    const event = readAddEvent(request.body);
    const requestId = requestIdOf(response);
    const standing = await this.parts.legacy.add(clientId, event, readIdempotencyKey(request), requestId);
    const { eventId, status, isDuplicate } = standing;
    send(response, 202, { message: 'Event accepted', id: eventId, status, duplicate: isDuplicate });
  };

  readonly trackEvent = async (request: Request, response: Response): Promise<void> => {
    const { user_id: userId, event_type: eventType, timestamp } = readTracking(request.body);
    const { clientId } = callerOf(response);
    const id = await this.parts.legacy.track(clientId, { userId, eventType, timestamp });
    send(response, 201, { message: 'Event created', id });
  };

  readonly getPoints = async (request: Request, response: Response): Promise<void> => {
    const { user_id: userId, event_type: eventType } = readTrackingQuery(request.query);
    const points = await this.parts.legacy.pointsOf(userId, eventType);
    send(response, 200, { message: 'Points of the user', data: [{ userId, points }] });
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
