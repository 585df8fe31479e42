import type { Request, Response } from 'express';

import type { EventTrackingService } from '../services/families/event-tracking-service';
import { callerOf, send } from './json';

export interface EventTrackingControllerParts {
  readonly tracking: EventTrackingService;
  readonly readTracking: (raw: unknown) => {
    readonly user_id: string;
    readonly event_type: string;
    readonly timestamp: number;
  };
  readonly readTrackingQuery: (raw: object) => { readonly user_id: string; readonly event_type?: string };
}

/** HTTP of the event tracking family (`/v1/users/events`). */
export class EventTrackingController {
  constructor(private readonly parts: EventTrackingControllerParts) {}

  readonly post = async (request: Request, response: Response): Promise<void> => {
    const { user_id: userId, event_type: eventType, timestamp } = this.parts.readTracking(request.body);
    const { clientId } = callerOf(response);
    const id = await this.parts.tracking.track(clientId, { userId, eventType, timestamp });
    send(response, 201, { message: 'Event created', id });
  };

  readonly get = async (request: Request, response: Response): Promise<void> => {
    const { user_id: userId, event_type: eventType } = this.parts.readTrackingQuery(request.query);
    const points = await this.parts.tracking.pointsOf(userId, eventType);
    send(response, 200, { message: 'Points of the user', data: [{ userId, points }] });
  };
}
