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
import type { Operation, Operations } from './operation';

const FAULTY = { 400: { description: 'The request has faults', schema: 'Problem' } } as const;
const UNKNOWN = { 404: { description: 'There is no such event or destination', schema: 'Problem' } } as const;
const WRONG_STATE = { 409: { description: 'The delivery is not in a state for that', schema: 'Problem' } } as const;

const lever = (summary: string, body: Operation['body'], answers: Operation['answers']): Operation => ({
  tag: 'Operating',
  summary,
  ...(body && { body }),
  answers: { ...answers, ...FAULTY },
});

export const OPERATOR_OPERATIONS: Operations = {
  'GET /deliveries': {
    tag: 'Operating',
    summary: 'List deliveries: with status=dead, the dead letters',
    query: deliveryQuerySchema,
    answers: {
      200: { description: 'A page, newest first', schema: 'DeliveryPage', example: { data: [], next_cursor: null } },
      ...FAULTY,
    },
  },
  'POST /deliveries/replay': lever(
    'Send all that match again; with dry_run, say how many and what would happen',
    { schema: replaySchema, example: { destination: 'adeventsx', dry_run: true }, isOptional: true },
    { 200: { description: 'What was matched, refused and replayed', schema: 'ReplayReport' } },
  ),
  'POST /deliveries/discard': lever(
    'Discard dead deliveries that match; with status=pending, pending ones',
    { schema: discardSchema, example: { destination: 'adeventsx', dry_run: true }, isOptional: true },
    { 200: { description: 'What was matched and discarded', schema: 'DiscardReport' } },
  ),
  'POST /events/{id}/replay': lever(
    'Send the dead deliveries of an event again; with force, delivered ones too',
    { schema: eventReplaySchema, example: { force: false }, isOptional: true },
    { 202: { description: 'They wait to be sent', schema: 'ReplayedEvent' }, ...UNKNOWN, ...WRONG_STATE },
  ),
  'POST /events/{id}/discard': lever(
    'Discard the dead and the pending deliveries of an event',
    { schema: eventDiscardSchema, example: { reason: 'test data' }, isOptional: true },
    { 200: { description: 'They are discarded', schema: 'DiscardedEvent' }, ...UNKNOWN, ...WRONG_STATE },
  ),
  'GET /destinations': {
    tag: 'Operating',
    summary: 'The destinations, their contracts, circuits, holds and counts',
    answers: { 200: { description: 'All of them', schema: 'Destinations' } },
  },
  'POST /destinations/{name}/pause': lever(
    'Send nothing to a destination until it is resumed; its deliveries stay stored',
    { schema: pauseSchema, example: { reason: 'maintenance' }, isOptional: true },
    { 200: { description: 'It is held', schema: 'Destination' }, ...UNKNOWN },
  ),
  'POST /destinations/{name}/resume': lever(
    'Send to a destination again',
    { schema: emptySchema, example: {}, isOptional: true },
    { 200: { description: 'It is held no more', schema: 'Destination' }, ...UNKNOWN },
  ),
  'GET /operator/actions': {
    tag: 'Operating',
    summary: 'What operators did: who, when, what',
    query: actionsQuerySchema,
    answers: { 200: { description: 'Newest first', schema: 'OperatorActions', example: { data: [] } }, ...FAULTY },
  },
};
