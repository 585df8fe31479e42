import type { RequestHandler } from 'express';
import type { Schema } from 'joi';

import type { AuthController } from '../controllers/auth-controller';
import type { DeliveryController } from '../controllers/delivery-controller';
import type { DestinationController } from '../controllers/destination-controller';
import type { EventController } from '../controllers/event-controller';
import type { EventReadController } from '../controllers/event-read-controller';
import type { NdjsonController, StreamController } from '../controllers/event-stream-controller';
import type { LegacyController } from '../controllers/legacy-controller';
import type { OperationsController } from '../controllers/operations-controller';
import type { UserController } from '../controllers/user-controller';
import type { Scope } from '../types/auth';

export interface Controllers {
  readonly auth: AuthController;
  readonly deliveries: DeliveryController;
  readonly destinations: DestinationController;
  readonly events: EventController;
  readonly legacy: LegacyController;
  readonly ndjson: NdjsonController;
  readonly operations: OperationsController;
  readonly reading: EventReadController;
  readonly stream: StreamController;
  readonly users: UserController;
}

/**
 * All that is known of a route, in one row: the app takes its path, access rule, body and handler
 * from here, the OpenAPI document its words. `scope: 'public'` is said aloud; a row without a scope
 * stops the start.
 */
export interface Route {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly scope: Scope | 'public';
  /** Reads the body, of a caller that was let in. */
  readonly body?: RequestHandler;
  /** A health probe: never limited or shed. */
  readonly isProbe?: true;
  /** Set on a route of the older clients: the path that has taken its place. */
  readonly successor?: string;
  readonly handler: (controllers: Controllers) => RequestHandler;
  readonly operation: Operation;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly description: string;
  /** The name of a schema in answer-schemas.ts, or null for an answer that is not JSON. */
  readonly schema: string | null;
  readonly mediaType?: string;
  readonly example?: unknown;
}

/**
 * What the description of the API says of a route beside the row itself: its words, its shapes, an
 * example.
 */
export interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly tag: 'Access' | 'Events' | 'Users' | 'Operating' | 'Older clients';
  /** Joi, as it validates; what Joi cannot tell JSON Schema is added by `body.patch`. */
  readonly body?: {
    readonly schema: Schema | JsonSchema;
    readonly patch?: JsonSchema;
    readonly mediaType?: string;
    readonly example: unknown;
    readonly isOptional?: true;
  };
  readonly query?: Schema;
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<number, Answer>>;
}

const KIB = 1024;
/** The bytes that a body may have, and those that a batch may have. */
export const BODY_BYTES = 100 * KIB;
export const BATCH_BYTES = 5 * KIB * KIB;

/** The answers that many routes give alike. */
export const FAULTY = { 400: { description: 'The request has faults', schema: 'Problem' } } as const;
export const TOO_LARGE = { 413: { description: 'The body is larger than 100 KiB', schema: 'Problem' } } as const;
export const NO_JSON = {
  415: { description: 'The body is not application/json in UTF-8', schema: 'Problem' },
} as const;
export const UNKNOWN_USER = { 404: { description: 'There is no such user', schema: 'Problem' } } as const;
export const UPSTREAM = {
  502: { description: 'Nothing could be had from the sources', schema: 'Problem' },
  503: { description: 'The source is down and nothing is cached', schema: 'Problem' },
  504: { description: 'Nothing could be had in time', schema: 'Problem' },
} as const;
