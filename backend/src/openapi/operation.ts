import type { Schema } from 'joi';

/** What the description of the API needs to know of a route beside what the route table says: its words, its shapes, an example. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly description: string;
  /** The name of a schema in schemas.ts, or null for an answer that is not JSON. */
  readonly schema: string | null;
  readonly mediaType?: string;
  readonly example?: unknown;
}

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

/** `METHOD path` as in the route table, with `{id}` for `:id`. */
export type Operations = Readonly<Record<string, Operation>>;
