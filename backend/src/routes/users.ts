import { readJson } from '../http/read-body';
import { batchInfoSchema, summaryQuerySchema } from '../validation-schemas/user';
import { BATCH_BYTES, FAULTY, NO_JSON, type Route, UNKNOWN_USER, UPSTREAM } from './route';

/** Questions about users. */
export const USER_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/users',
    scope: 'users:read',
    handler: ({ users }) => users.list,
    operation: {
      tag: 'Users',
      summary: 'The users of the directory',
      answers: {
        200: { description: 'Cached for a while', schema: 'DirectoryUsers', example: [{ id: '1', name: 'Ann' }] },
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'post',
    path: '/users/batch-info',
    scope: 'users:read',
    body: readJson(BATCH_BYTES),
    handler: ({ users }) => users.postBatchInfo,
    operation: {
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
        ...NO_JSON,
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'get',
    path: '/users/:id',
    scope: 'users:read',
    handler: ({ users }) => users.get,
    operation: {
      tag: 'Users',
      summary: 'A user of the directory',
      answers: {
        200: { description: 'The user', schema: 'DirectoryUser', example: { id: '1', name: 'Ann' } },
        ...FAULTY,
        ...UNKNOWN_USER,
        ...UPSTREAM,
      },
    },
  },
  {
    method: 'get',
    path: '/users/:id/summary',
    scope: 'users:read',
    handler: ({ users }) => users.getSummary,
    operation: {
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
  },
  {
    method: 'get',
    path: '/users/:id/points',
    scope: 'users:read',
    handler: ({ users }) => users.getPoints,
    operation: {
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
  },
];
