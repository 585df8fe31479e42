import { readJson } from '../http/read-body';
import { addEventSchema, trackingQuerySchema, trackingSchema } from '../validation-schemas/legacy';
import { BODY_BYTES, FAULTY, NO_JSON, type Route, TOO_LARGE, UNKNOWN_USER, UPSTREAM } from './route';

const body = readJson(BODY_BYTES);

/** The legacy API: the same services underneath, the older shape outside. */
export const LEGACY_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/version',
    scope: 'public',
    successor: '/health',
    handler: ({ operations }) => operations.getVersion,
    operation: {
      tag: 'Older clients',
      summary: 'v1',
      answers: { 200: { description: 'As text', schema: null, mediaType: 'text/plain' } },
    },
  },
  {
    method: 'get',
    path: '/getUsers',
    scope: 'users:read',
    successor: '/users',
    handler: ({ legacy }) => legacy.getUsers,
    operation: {
      tag: 'Older clients',
      summary: 'The users of the external event API',
      answers: {
        200: { description: 'An array', schema: 'DirectoryUsers', example: [{ id: '1', name: 'Ann' }] },
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'get',
    path: '/getEvents',
    scope: 'events:read',
    successor: '/events',
    handler: ({ legacy }) => legacy.getEvents,
    operation: {
      tag: 'Older clients',
      summary: 'The events of the external event API',
      answers: {
        200: { description: 'An array', schema: 'DirectoryEvents', example: [{ id: 'event-1' }] },
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'get',
    path: '/getEventsByUserId/:id',
    scope: 'events:read',
    successor: '/events/user/{id}',
    handler: ({ legacy }) => legacy.getEventsByUserId,
    operation: {
      tag: 'Older clients',
      summary: 'The events of a user, in the user’s own order',
      answers: {
        200: {
          description:
            'What could be had; what could not is named in X-Partial-Failures, percent-encoded; of very many the last name is +N for N more',
          schema: 'DirectoryEvents',
          example: [{ id: 'event-1' }],
        },
        ...FAULTY,
        ...UNKNOWN_USER,
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'post',
    path: '/addEvent',
    scope: 'events:write',
    body: body,
    successor: '/events',
    handler: ({ legacy }) => legacy.addEvent,
    operation: {
      tag: 'Older clients',
      summary: 'An event for the external event API',
      body: { schema: addEventSchema, example: { name: 'test event', userId: '1' } },
      answers: {
        202: {
          description: 'Durable; it is forwarded when that API takes it',
          schema: 'AddedEvent',
          example: {
            message: 'Event accepted',
            id: '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11',
            status: 'pending',
            duplicate: false,
          },
        },
        ...FAULTY,
        ...TOO_LARGE,
        ...NO_JSON,
        422: { description: 'The Idempotency-Key was used for another event', schema: 'Problem' },
        409: { description: 'The id was used for another event', schema: 'Problem' },
        503: { description: 'The store cannot commit', schema: 'Problem' },
      },
    },
  },
  {
    method: 'post',
    path: '/v1/users/events',
    scope: 'events:write',
    body: body,
    successor: '/events',
    handler: ({ legacy }) => legacy.trackEvent,
    operation: {
      tag: 'Older clients',
      summary: 'An event that counts for points',
      body: { schema: trackingSchema, example: { user_id: '13', event_type: 'PURCHASE', timestamp: 14223343 } },
      answers: {
        201: {
          description: 'Counted',
          schema: 'TrackedEvent',
          example: { message: 'Event created', id: '0198c5f2-7d1e-5c3a-9b1f-2f4e6a8c0d11' },
        },
        ...FAULTY,
        409: { description: 'The same user, type and timestamp again', schema: 'Problem' },
        ...TOO_LARGE,
        ...NO_JSON,
        503: { description: 'The store cannot commit, or the backlog is full', schema: 'Problem' },
      },
    },
  },
  {
    method: 'get',
    path: '/v1/users/events',
    scope: 'events:read',
    successor: '/users/{id}/points',
    handler: ({ legacy }) => legacy.getPoints,
    operation: {
      tag: 'Older clients',
      summary: 'The points of a user, of all its events or of one type',
      query: trackingQuerySchema,
      answers: {
        200: {
          description: 'The points',
          schema: 'TrackedPoints',
          example: { message: 'Points of the user', data: [{ userId: '13', points: 10 }] },
        },
        ...FAULTY,
      },
    },
  },
];
