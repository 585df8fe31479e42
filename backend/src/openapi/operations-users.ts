import { addEventSchema, trackingQuerySchema, trackingSchema } from '../validation-schemas/families';
import { batchInfoSchema, summaryQuerySchema } from '../validation-schemas/user';
import type { Operations } from './operation';

const FAULTY = { 400: { description: 'The request has faults', schema: 'Problem' } } as const;
const UNKNOWN_USER = { 404: { description: 'There is no such user', schema: 'Problem' } } as const;
const UPSTREAM = {
  502: { description: 'Nothing could be had from the sources', schema: 'Problem' },
  503: { description: 'The source is down and nothing is cached', schema: 'Problem' },
  504: { description: 'Nothing could be had in time', schema: 'Problem' },
} as const;

export const USER_OPERATIONS: Operations = {
  'GET /users': {
    tag: 'Users',
    summary: 'The users of the directory',
    answers: {
      200: { description: 'Cached for a while', schema: 'DirectoryUsers', example: [{ id: '1', name: 'Ann' }] },
      ...UPSTREAM,
    },
  },
  'GET /users/{id}': {
    tag: 'Users',
    summary: 'A user of the directory',
    answers: {
      200: { description: 'The user', schema: 'DirectoryUser', example: { id: '1', name: 'Ann' } },
      ...FAULTY,
      ...UNKNOWN_USER,
      ...UPSTREAM,
    },
  },
  'GET /users/{id}/summary': {
    tag: 'Users',
    summary: 'One user from profile, posts and analytics',
    query: summaryQuerySchema,
    answers: {
      200: { description: 'What could be had, and where each part is from', schema: 'UserSummary' },
      ...FAULTY,
      ...UNKNOWN_USER,
      ...UPSTREAM,
    },
  },
  'GET /users/{id}/points': {
    tag: 'Users',
    summary: 'The points of a user',
    answers: {
      200: {
        description: 'Counted with each accepted event, valued by the catalogue of now',
        schema: 'UserPoints',
        example: { userId: 'user-1', points: 10, events: [{ name: 'purchase', count: 1, points: 10 }] },
      },
      404: { description: 'No user has an id of more than 128 characters', schema: 'Problem' },
    },
  },
  'POST /users/batch-info': {
    tag: 'Users',
    summary: 'Many users from profile, posts and analytics',
    description:
      'Results stand in the order of the request; a repeated id counts once. X-Batch-Complete says whether every part is there. With Accept: application/x-ndjson up to 10 000 ids are streamed, a line each, the metadata last.',
    body: { schema: batchInfoSchema, example: { userIds: ['user1', 'user2'], includeAnalytics: true, maxAge: 300 } },
    answers: {
      200: {
        description: 'All that could be had',
        schema: 'BatchInfo',
        example: { results: [], metadata: { totalProcessed: 0, successful: 0, failed: 0, processingTimeMs: 1 } },
      },
      ...FAULTY,
      413: { description: 'More than 100 ids, or 10 000 when streamed', schema: 'Problem' },
      415: { description: 'The body is not application/json in UTF-8', schema: 'Problem' },
      ...UPSTREAM,
    },
  },
};

export const FAMILY_OPERATIONS: Operations = {
  'GET /getUsers': {
    tag: 'Older clients',
    summary: 'The users of the external event API',
    answers: {
      200: { description: 'An array', schema: 'DirectoryUsers', example: [{ id: '1', name: 'Ann' }] },
      ...UPSTREAM,
    },
  },
  'GET /getEvents': {
    tag: 'Older clients',
    summary: 'The events of the external event API',
    answers: { 200: { description: 'An array', schema: 'DirectoryEvents', example: [{ id: 'event-1' }] }, ...UPSTREAM },
  },
  'GET /getEventsByUserId/{id}': {
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
  'POST /addEvent': {
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
      413: { description: 'The body is larger than 100 KiB', schema: 'Problem' },
      415: { description: 'The body is not application/json in UTF-8', schema: 'Problem' },
      422: { description: 'The Idempotency-Key was used for another event', schema: 'Problem' },
      409: { description: 'The id was used for another event', schema: 'Problem' },
      503: { description: 'The store cannot commit', schema: 'Problem' },
    },
  },
  'POST /v1/users/events': {
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
      413: { description: 'The body is larger than 100 KiB', schema: 'Problem' },
      415: { description: 'The body is not application/json in UTF-8', schema: 'Problem' },
      503: { description: 'The store cannot commit, or the backlog is full', schema: 'Problem' },
    },
  },
  'GET /v1/users/events': {
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
};
