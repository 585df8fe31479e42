import type { Request, RequestHandler } from 'express';

import { mediaTypeOf, readJson, readJsonList } from '../http/read-body';
import { eventQuerySchema, eventSchema } from '../validation-schemas/event';
import { BATCH_BYTES, BODY_BYTES, type JsonSchema, NO_JSON, type Route } from './route';

const isNdjson = (request: Request): boolean => mediaTypeOf(request) === 'application/x-ndjson';

/** A stream of lines is read by its controller, as it comes. */
const exceptNdjson =
  (read: RequestHandler): RequestHandler =>
  (request, response, next) => {
    if (isNdjson(request)) next();
    else void read(request, response, next);
  };

const EVENT_EXAMPLE = {
  event_id: '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11',
  user_id: 'user-1',
  event_name: 'purchase',
  event_time: '2026-01-01T12:00:00Z',
  value: '19.99',
  currency: 'EUR',
  campaign_id: 'spring',
};

const standing = (status: string, duplicate: boolean) => ({
  event_id: EVENT_EXAMPLE.event_id,
  status,
  duplicate,
  deliveries: [{ destination: 'adeventsx', status }],
});

/** What Joi leaves out: the two times exclude each other, and money and epochs are read as text. */
const EVENT_PATCH: JsonSchema = {
  oneOf: [{ required: ['event_time'] }, { required: ['event_time_epoch'] }],
  description:
    'Each field may also be spelled in camelCase, not both. Exactly one of event_time and event_time_epoch. The catalogue says which events require a value or a campaign, and whose value may be negative (a refund): from -1000000000 to 1000000000, else from 0. The numbers in properties stay as they are sent, at most 64 characters each.',
};

const READ_ERRORS = {
  404: { description: 'There is no such event, or it is another client’s', schema: 'Problem' },
} as const;
const REFUSED = {
  400: {
    description: 'The body is not strict JSON, or the event has faults; each is named with its pointer',
    schema: 'Problem',
  },
  413: { description: 'The body is larger than 100 KiB, or the batch than 5 MiB or 1000 events', schema: 'Problem' },
  ...NO_JSON,
  503: {
    description: 'The store cannot commit, or the backlog is full: nothing was taken, the same request later succeeds',
    schema: 'Problem',
  },
} as const;

/**
 * Posting events and reading them back. Paths that are fixed stand before those with a parameter.
 */
export const EVENT_ROUTES: readonly Route[] = [
  {
    method: 'post',
    path: '/events',
    scope: 'events:write',
    body: readJson(BODY_BYTES),
    handler: ({ events }) => events.post,
    operation: {
      tag: 'Events',
      summary: 'Post an event',
      description:
        'The answer leaves only after the event, its idempotency record, its deliveries and its points are committed and fsynced in one transaction.',
      headers: {
        'Idempotency-Key':
          'Makes the event id of an event without one: 1 to 255 visible ASCII characters, bare or as a string in double quotes (RFC 9651), which is the same key',
        Prefer: 'wait=N waits up to N seconds (30 at most) for the outcome (RFC 7240)',
      },
      body: { schema: eventSchema, patch: EVENT_PATCH, example: EVENT_EXAMPLE },
      answers: {
        200: {
          description: 'With Prefer: wait, the final state',
          schema: 'EventStanding',
          example: standing('delivered', false),
        },
        202: {
          description: 'Accepted, durable; or a duplicate with its present standing',
          schema: 'EventStanding',
          example: standing('pending', false),
        },
        ...REFUSED,
        409: { description: 'The same id with other content; the fields that differ are named', schema: 'Problem' },
        422: { description: 'The Idempotency-Key was used for another event', schema: 'Problem' },
      },
    },
  },
  {
    method: 'post',
    path: '/events/batch',
    scope: 'events:write',
    body: exceptNdjson(readJsonList(BATCH_BYTES, 'events')),
    handler:
      ({ events, ndjson }) =>
      (request, response) =>
        (isNdjson(request) ? ndjson.post : events.postBatch)(request, response),
    operation: {
      tag: 'Events',
      summary: 'Post up to 1000 events, or a stream of any number',
      description:
        'As JSON, up to 1000 events are answered together. With Content-Type: application/x-ndjson any number of lines is answered by a line each (200), streamed both ways.',
      headers: {
        'Idempotency-Key':
          'Makes the event ids of the events without one, each by its place: 1 to 255 visible ASCII characters',
      },
      body: {
        schema: {
          type: 'object',
          required: ['events'],
          additionalProperties: false,
          properties: { events: { type: 'array', minItems: 1, maxItems: 1000 } },
        },
        example: { events: [EVENT_EXAMPLE] },
      },
      answers: {
        200: {
          description: 'A result line for each line of a stream',
          schema: null,
          mediaType: 'application/x-ndjson',
        },
        207: {
          description: 'A result for each event; one bad event never sinks the rest',
          schema: 'BatchResult',
          example: {
            accepted: 1,
            duplicates: 0,
            rejected: 0,
            results: [{ index: 0, event_id: EVENT_EXAMPLE.event_id, status: 'pending', duplicate: false }],
          },
        },
        ...REFUSED,
      },
    },
  },
  {
    method: 'get',
    path: '/events',
    scope: 'events:read',
    handler: ({ reading }) => reading.list,
    operation: {
      tag: 'Events',
      summary: 'List events, newest first',
      description:
        'The caller’s own events, or every client’s with events:read:all. from and to bound the time of the event: RFC 3339, or whole seconds since 1970.',
      query: eventQuerySchema,
      answers: {
        200: {
          description: 'A page; the next one stands in next_cursor and in the Link header',
          schema: 'EventPage',
          example: { data: [], next_cursor: null },
        },
        400: { description: 'The query has faults', schema: 'Problem' },
      },
    },
  },
  {
    method: 'get',
    path: '/events/stream',
    scope: 'events:read',
    handler: ({ stream }) => stream.get,
    operation: {
      tag: 'Events',
      summary: 'Follow what happens, live',
      description:
        'Server-Sent Events: accepted, attempted, delivered, dead. Last-Event-ID resumes; reset says that it could not.',
      headers: { 'Last-Event-ID': 'The id of the last event that was seen' },
      answers: { 200: { description: 'An endless stream', schema: null, mediaType: 'text/event-stream' } },
    },
  },
  {
    method: 'get',
    path: '/events/user/:id',
    scope: 'events:read',
    handler: ({ reading }) => reading.listOfUser,
    operation: {
      tag: 'Events',
      summary: 'List the events of a user',
      query: eventQuerySchema,
      answers: {
        200: { description: 'A page', schema: 'EventPage', example: { data: [], next_cursor: null } },
        400: { description: 'The query has faults', schema: 'Problem' },
      },
    },
  },
  {
    method: 'get',
    path: '/events/:id',
    scope: 'events:read',
    handler: ({ reading }) => reading.get,
    operation: {
      tag: 'Events',
      summary: 'An event with its deliveries',
      answers: { 200: { description: 'As stored, with the payload as it is sent', schema: 'Event' }, ...READ_ERRORS },
    },
  },
  {
    method: 'get',
    path: '/events/:id/attempts',
    scope: 'events:read',
    handler: ({ reading }) => reading.getAttempts,
    operation: {
      tag: 'Events',
      summary: 'Every attempt to deliver an event',
      answers: { 200: { description: 'Oldest first', schema: 'Attempts', example: { data: [] } }, ...READ_ERRORS },
    },
  },
];
