import { readOptionalJson } from '../http/read-body';
import {
  actionsQuerySchema,
  deliveryQuerySchema,
  discardSchema,
  emptySchema,
  eventDiscardSchema,
  eventReplaySchema,
  pauseSchema,
  replaySchema,
} from '../validation-schemas/operator';
import { BODY_BYTES, FAULTY, type Operation, type Route } from './route';

const UNKNOWN = { 404: { description: 'There is no such event or destination', schema: 'Problem' } } as const;
const WRONG_STATE = { 409: { description: 'The delivery is not in a state for that', schema: 'Problem' } } as const;

const lever = (summary: string, body: Operation['body'], answers: Operation['answers']): Operation => ({
  tag: 'Operating',
  summary,
  ...(body && { body }),
  answers: { ...answers, ...FAULTY },
});

/** What operators post may be without a body. */
const body = readOptionalJson(BODY_BYTES);

/** What the service says of itself, and the operator's levers. */
export const OPERATOR_ROUTES: readonly Route[] = [
  {
    method: 'get',
    path: '/',
    scope: 'public',
    handler: ({ operations }) => operations.getRoot,
    operation: {
      tag: 'Operating',
      summary: 'What this is, and where to go on',
      description: 'A browser (Accept: text/html) is led to the page for people.',
      answers: {
        200: {
          description: 'The name of the service, its version and its entry points',
          schema: 'Root',
          example: { name: 'sluice', version: '0.1.0', links: { documentation: '/docs', events: '/events' } },
        },
        302: { description: 'For a browser', schema: null, mediaType: 'text/html' },
      },
    },
  },
  {
    method: 'get',
    path: '/health',
    scope: 'public',
    isProbe: true,
    handler: ({ operations }) => operations.getHealth,
    operation: {
      tag: 'Operating',
      summary: 'Whether the process lives',
      answers: { 200: { description: 'It does', schema: 'Health' } },
    },
  },
  {
    method: 'get',
    path: '/ready',
    scope: 'public',
    isProbe: true,
    handler: ({ operations }) => operations.getReady,
    operation: {
      tag: 'Operating',
      summary: 'Whether the gateway takes events',
      answers: {
        200: {
          description: 'The store commits',
          schema: 'Readiness',
          example: { status: 'ready', parts: { store: { status: 'ready' } } },
        },
        503: {
          description: 'It cannot commit, or the process stops',
          schema: 'Readiness',
          mediaType: 'application/json',
        },
      },
    },
  },
  {
    method: 'get',
    path: '/metrics',
    scope: 'ops:read',
    isProbe: true,
    handler: ({ operations }) => operations.getMetrics,
    operation: {
      tag: 'Operating',
      summary: 'What the gateway counts of itself, in the text form of Prometheus',
      answers: {
        200: {
          description: 'Events, deliveries, attempts, possible duplicates, durations, circuits',
          schema: null,
          mediaType: 'text/plain',
        },
      },
    },
  },
  {
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    handler: ({ operations }) => operations.getDocument,
    operation: {
      tag: 'Operating',
      summary: 'This description',
      answers: { 200: { description: 'OpenAPI 3.1', schema: 'OpenApi' } },
    },
  },
  {
    method: 'get',
    path: '/docs',
    scope: 'public',
    handler: ({ operations }) => operations.getPage,
    operation: {
      tag: 'Operating',
      summary: 'This description as a page',
      answers: { 200: { description: 'A page', schema: null, mediaType: 'text/html' } },
    },
  },
  {
    method: 'get',
    path: '/docs/style.css',
    scope: 'public',
    handler: ({ operations }) => operations.getStyle,
    operation: {
      tag: 'Operating',
      summary: 'The style of that page',
      answers: { 200: { description: 'A style sheet', schema: null, mediaType: 'text/css' } },
    },
  },
  {
    method: 'get',
    path: '/events/circuit-status',
    scope: 'events:read',
    handler: ({ operations }) => operations.getCircuitStatus,
    operation: {
      tag: 'Operating',
      summary: 'The circuits of all destinations and sources',
      answers: {
        200: {
          description: 'By name',
          schema: 'CircuitStatus',
          example: {
            adeventsx: { state: 'CLOSED', failures: 0, lastFailure: null, sinceLastFailure: null, retryAt: null },
          },
        },
      },
    },
  },
  {
    method: 'get',
    path: '/deliveries',
    scope: 'ops:read',
    handler: ({ deliveries }) => deliveries.list,
    operation: {
      tag: 'Operating',
      summary: 'List deliveries: with status=dead, the dead letters',
      query: deliveryQuerySchema,
      answers: {
        200: { description: 'A page, newest first', schema: 'DeliveryPage', example: { data: [], next_cursor: null } },
        ...FAULTY,
      },
    },
  },
  {
    method: 'post',
    path: '/deliveries/replay',
    scope: 'ops:write',
    body: body,
    handler: ({ deliveries }) => deliveries.replay,
    operation: lever(
      'Send all that match again; with dry_run, say how many and what would happen',
      { schema: replaySchema, example: { destination: 'adeventsx', dry_run: true }, isOptional: true },
      { 200: { description: 'What was matched, refused and replayed', schema: 'ReplayReport' } },
    ),
  },
  {
    method: 'post',
    path: '/deliveries/discard',
    scope: 'ops:write',
    body: body,
    handler: ({ deliveries }) => deliveries.discard,
    operation: lever(
      'Discard dead deliveries that match; with status=pending, pending ones',
      { schema: discardSchema, example: { destination: 'adeventsx', dry_run: true }, isOptional: true },
      { 200: { description: 'What was matched and discarded', schema: 'DiscardReport' } },
    ),
  },
  {
    method: 'post',
    path: '/events/:id/replay',
    scope: 'ops:write',
    body: body,
    handler: ({ deliveries }) => deliveries.replayEvent,
    operation: lever(
      'Send the dead deliveries of an event again; with force, delivered ones too',
      { schema: eventReplaySchema, example: { force: false }, isOptional: true },
      { 202: { description: 'They wait to be sent', schema: 'ReplayedEvent' }, ...UNKNOWN, ...WRONG_STATE },
    ),
  },
  {
    method: 'post',
    path: '/events/:id/discard',
    scope: 'ops:write',
    body: body,
    handler: ({ deliveries }) => deliveries.discardEvent,
    operation: lever(
      'Discard the dead and the pending deliveries of an event',
      { schema: eventDiscardSchema, example: { reason: 'test data' }, isOptional: true },
      { 200: { description: 'They are discarded', schema: 'DiscardedEvent' }, ...UNKNOWN, ...WRONG_STATE },
    ),
  },
  {
    method: 'get',
    path: '/destinations',
    scope: 'ops:read',
    handler: ({ destinations }) => destinations.list,
    operation: {
      tag: 'Operating',
      summary: 'The destinations, their contracts, circuits, holds and counts',
      answers: { 200: { description: 'All of them', schema: 'Destinations' } },
    },
  },
  {
    method: 'post',
    path: '/destinations/:name/pause',
    scope: 'ops:write',
    body: body,
    handler: ({ destinations }) => destinations.pause,
    operation: lever(
      'Send nothing to a destination until it is resumed; its deliveries stay stored',
      { schema: pauseSchema, example: { reason: 'maintenance' }, isOptional: true },
      { 200: { description: 'It is held', schema: 'Destination' }, ...UNKNOWN },
    ),
  },
  {
    method: 'post',
    path: '/destinations/:name/resume',
    scope: 'ops:write',
    body: body,
    handler: ({ destinations }) => destinations.resume,
    operation: lever(
      'Send to a destination again',
      { schema: emptySchema, example: {}, isOptional: true },
      { 200: { description: 'It is held no more', schema: 'Destination' }, ...UNKNOWN },
    ),
  },
  {
    method: 'get',
    path: '/operator/actions',
    scope: 'ops:read',
    handler: ({ destinations }) => destinations.actions,
    operation: {
      tag: 'Operating',
      summary: 'What operators did: who, when, what',
      query: actionsQuerySchema,
      answers: { 200: { description: 'Newest first', schema: 'OperatorActions', example: { data: [] } }, ...FAULTY },
    },
  },
];
