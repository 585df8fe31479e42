/** What `DESTINATIONS_FILE`, or the settings in its place, say about a destination. */

/** Of every type. */
export interface DestinationDefinitionBase {
  /** What its deliveries are stored under: another name is another destination. */
  readonly name: string;
  readonly url: string;
  /** The event names it wants; `*` for all. */
  readonly events: '*' | readonly string[];
  /** Calls at once. */
  readonly concurrency: number;
  /** Calls per second; null: unlimited. */
  readonly ratePerSecond: number | null;
  readonly mode: 'live' | 'test' | 'off';
  /** In place of what the type's contract says. */
  readonly maxAgeMs?: number;
  readonly dedupWindowMs?: number;
  readonly retry?: {
    /** Refusals of the kind 4xx that a later try may cure all the same. */
    readonly alsoRetry?: readonly number[];
  };
}

/** Of the types that can take several events in one call, as a JSON array. */
export interface BatchDefinition {
  /** 1: a call carries one event, and no array. */
  readonly maxBatch?: number;
  readonly batchMode?: 'atomic' | 'atomicNamed' | 'perItem';
}

export interface AdEventsXDefinition extends DestinationDefinitionBase {
  readonly apiKey: string;
}

export interface EventApiDefinition extends DestinationDefinitionBase, BatchDefinition {
  /** Sent as `X-Api-Key`; null: none. */
  readonly apiKey: string | null;
}

export interface WebhookDefinition extends DestinationDefinitionBase, BatchDefinition {
  /** `whsec_` and the base64 of 24 to 64 bytes. The first is the newest; each one signs. */
  readonly secrets: readonly string[];
  /** Lets it stand at an address that is not public. */
  readonly allowPrivateNetwork: boolean;
}

export type DestinationDefinition =
  | ({ readonly type: 'adeventsx' } & AdEventsXDefinition)
  | ({ readonly type: 'event-api' } & EventApiDefinition)
  | ({ readonly type: 'webhook' } & WebhookDefinition);
