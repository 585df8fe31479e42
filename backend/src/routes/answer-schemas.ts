import type { JsonSchema } from './route';

/**
 * The shapes of the answers. Closed: a field that stands here in none is a fault that the tests
 * find.
 */

const text: JsonSchema = { type: 'string' };
const integer: JsonSchema = { type: 'integer' };
const time: JsonSchema = { type: 'string', format: 'date-time' };
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] });
const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const mapOf = (values: JsonSchema): JsonSchema => ({ type: 'object', additionalProperties: values });

/** All fields are required but those named. */
function record(properties: Record<string, JsonSchema>, optional: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

const eventStatus = { enum: ['stored', 'pending', 'delivered', 'dead', 'discarded'] };
const deliveryStatus = { enum: ['pending', 'delivering', 'delivered', 'dead', 'discarded'] };
const standing = {
  event_id: { type: 'string', format: 'uuid' },
  status: eventStatus,
  duplicate: { type: 'boolean' },
  deliveries: listOf(record({ destination: text, status: deliveryStatus })),
};
const delivery = {
  destination: text,
  status: deliveryStatus,
  attempts: integer,
  next_attempt_at: orNull(time),
  last_error: orNull(text),
  last_http_status: orNull(integer),
  dead_reason: orNull(text),
  delivered_at: orNull(time),
  payload: {},
};
const circuit = record({
  state: { enum: ['CLOSED', 'OPEN', 'HALF_OPEN'] },
  failures: integer,
  lastFailure: orNull(integer),
  sinceLastFailure: orNull(integer),
  retryAt: orNull(integer),
});
const sourceReport = record({
  status: { enum: ['fresh', 'cached', 'stale', 'missing', 'failed', 'skipped'] },
  attempts: integer,
  ageMs: orNull(integer),
});
const part = record({ status: { enum: ['ready', 'not_ready'] }, detail: text }, ['detail']);

export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Problem: record(
    {
      type: text,
      title: text,
      status: integer,
      detail: text,
      instance: text,
      code: text,
      errors: listOf(record({ pointer: text, detail: text })),
    },
    ['errors'],
  ),
  OAuthError: record({ error: text, error_description: text }, ['error_description']),
  Token: record({ access_token: text, token_type: { const: 'Bearer' }, expires_in: integer, scope: text }),
  JsonWebKeySet: { type: 'object' },
  Root: record({ name: text, version: text, links: mapOf(text) }),
  Health: record({
    status: { const: 'ok' },
    timestamp: time,
    uptime: { type: 'number' },
    environment: text,
    version: text,
  }),
  Readiness: record({ status: { enum: ['ready', 'not_ready'] }, parts: mapOf(part) }),
  OpenApi: { type: 'object', required: ['openapi', 'info', 'paths'] },
  EventStanding: record(standing),
  BatchResult: record({
    accepted: integer,
    duplicates: integer,
    rejected: integer,
    results: listOf({
      anyOf: [
        record({ index: integer, event_id: text, status: eventStatus, duplicate: { type: 'boolean' } }),
        record({ index: integer, error: ref('Problem') }),
      ],
    }),
  }),
  Event: record({
    event_id: { type: 'string', format: 'uuid' },
    client_id: text,
    user_id: text,
    event_name: text,
    event_time: orNull(time),
    event_time_epoch: integer,
    value_cents: orNull(integer),
    currency: orNull(text),
    campaign_id: orNull(text),
    click_id: orNull(text),
    properties: orNull({ type: 'object' }),
    deliver_at: orNull(time),
    accepted_at: time,
    status: eventStatus,
    deliveries: listOf(record(delivery)),
  }),
  EventPage: record({ data: listOf(ref('Event')), next_cursor: orNull(text) }),
  Attempts: record({
    data: listOf(
      record({
        destination: text,
        number: integer,
        started_at: time,
        duration_ms: integer,
        outcome: { enum: ['delivered', 'retryable', 'rejected', 'held'] },
        http_status: orNull(integer),
        error: orNull(text),
        excerpt: orNull(text),
        possible_duplicate: orNull(text),
      }),
    ),
  }),
  CircuitStatus: mapOf(circuit),
  DeliveryPage: record({
    data: listOf(
      record({
        event_id: text,
        client_id: text,
        event_name: text,
        event_time: orNull(time),
        created_at: time,
        ...delivery,
      }),
    ),
    next_cursor: orNull(text),
  }),
  ReplayReport: record({
    dry_run: { type: 'boolean' },
    matched: integer,
    too_old: integer,
    would_count_twice: integer,
    refused: integer,
    replayed: integer,
  }),
  DiscardReport: record({ dry_run: { type: 'boolean' }, matched: integer, discarded: integer }),
  ReplayedEvent: record({ ...standing, replayed: integer }, ['duplicate']),
  DiscardedEvent: record({ ...standing, discarded: integer }, ['duplicate']),
  Destination: record({
    name: text,
    type: orNull(text),
    mode: { enum: ['live', 'test', 'off', 'removed'] },
    concurrency: orNull(integer),
    rate_per_second: orNull({ type: 'number' }),
    contract: orNull(
      record({
        max_batch: integer,
        batch_mode: { enum: ['none', 'atomic', 'atomicNamed', 'perItem'] },
        max_age_ms: orNull(integer),
        dedup_keys: listOf(text),
        dedup_window_ms: orNull(integer),
        test_mode: { type: 'boolean' },
      }),
    ),
    circuit: orNull(circuit),
    hold: orNull(
      record({ kind: { enum: ['operator', 'unauthorized', 'gone'] }, since: time, reason: text, actor: text }),
    ),
    deliveries: mapOf(integer),
    possible_duplicates: mapOf(integer),
  }),
  Destinations: record({ data: listOf(ref('Destination')) }),
  OperatorActions: record({ data: listOf(record({ at: time, actor: text, action: text, detail: text })) }),
  DirectoryUser: { type: 'object', required: ['id', 'name'] },
  DirectoryUsers: listOf({ type: 'object', required: ['id', 'name'] }),
  DirectoryEvents: listOf({ type: 'object', required: ['id'] }),
  UserPoints: record({
    userId: text,
    points: { type: 'number' },
    events: listOf(record({ name: text, count: integer, points: { type: 'number' } })),
  }),
  UserSummary: record(
    {
      userId: text,
      profile: orNull(record({ id: text, name: text, email: text, joinedAt: text, status: text })),
      summary: orNull(
        record({ totalPosts: integer, avgEngagement: { type: 'number' }, lastActiveAt: orNull(text), status: text }),
      ),
      error: text,
      sources: record({ profile: sourceReport, posts: sourceReport, analytics: sourceReport }),
    },
    ['error'],
  ),
  BatchInfo: record({
    results: listOf(ref('UserSummary')),
    metadata: record({ totalProcessed: integer, successful: integer, failed: integer, processingTimeMs: integer }),
  }),
  AddedEvent: record({ message: text, id: text, status: eventStatus, duplicate: { type: 'boolean' } }),
  TrackedEvent: record({ message: text, id: text }),
  TrackedPoints: record({ message: text, data: listOf(record({ userId: text, points: { type: 'number' } })) }),
};
