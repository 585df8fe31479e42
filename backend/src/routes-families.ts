import type { EventManagementController } from './controllers/event-management-controller';
import type { EventTrackingController } from './controllers/event-tracking-controller';
import { readJson } from './middleware/read-body';
import type { Route } from './route';

/** The routes of the older clients: the same services underneath, the older shape outside. */

export interface FamilyControllers {
  readonly management: EventManagementController;
  readonly tracking: EventTrackingController;
}

const BODY_BYTES = 100 * 1024;

export function familyRoutes({ management, tracking }: FamilyControllers): Route[] {
  const body = readJson(BODY_BYTES);
  return [
    { method: 'get', path: '/getUsers', scope: 'users:read', handler: management.getUsers, successor: '/users' },
    { method: 'get', path: '/getEvents', scope: 'events:read', handler: management.getEvents, successor: '/events' },
    {
      method: 'get',
      path: '/getEventsByUserId/:id',
      scope: 'events:read',
      handler: management.getEventsByUserId,
      successor: '/events/user/{id}',
    },
    {
      method: 'post',
      path: '/addEvent',
      scope: 'events:write',
      body,
      handler: management.addEvent,
      successor: '/events',
    },
    {
      method: 'post',
      path: '/v1/users/events',
      scope: 'events:write',
      body,
      handler: tracking.post,
      successor: '/events',
    },
    {
      method: 'get',
      path: '/v1/users/events',
      scope: 'events:read',
      handler: tracking.get,
      successor: '/users/{id}/points',
    },
  ];
}
