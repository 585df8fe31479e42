import type { AcceptedEvent } from '../types/event';

/** When the circuit of a destination opens and how it closes, where that is its own; the names are those of the circuit's options. */
export interface CircuitPolicy {
  /** So many failures within `windowMs` open it, whatever succeeded between. */
  readonly failuresInWindow: number;
  readonly windowMs: number;
  /** So many probes must succeed; at most 1, then 2, then 4 … are in flight at once. */
  readonly probesToClose: number;
}

/** What a destination promises and demands, as data. */
export interface DestinationContract {
  /** How many payloads one call may carry; 1: no batching. */
  readonly maxBatch: number;
  /** `atomic`: one bad item refuses all, unnamed; `atomicNamed`: refuses all and names it; `perItem`: answers for each. */
  readonly batchMode: 'none' | 'atomic' | 'atomicNamed' | 'perItem';
  /** Events older than this are refused by it; null: any age. */
  readonly maxAgeMs: number | null;
  /** The payload's keys by which it recognises a repeat. */
  readonly dedupKeys: readonly string[];
  /** For how long it recognises one; null: it never does. */
  readonly dedupWindowMs: number | null;
  /** Whether it can be told, with `X-Test-Mode: true`, that a call is a test and counts for nothing. */
  readonly testMode: boolean;
  /** Whether its 409 says that it has the event already. */
  readonly conflictMeansDelivered: boolean;
  /** Refusals of the kind 4xx that a later try may cure all the same. */
  readonly alsoRetry?: readonly number[];
  /** Left out: the policy that all destinations share. */
  readonly circuit?: CircuitPolicy;
}

/** The code of a call that was not made because the destination's address is none that may be called. A later try would fare no better. */
export const ADDRESS_REFUSED = 'address_refused';

/** What came back from a call, before it means anything. */
export type UpstreamAnswer =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      /** Decoded as its head declares, in UTF-8. */
      readonly body: Buffer;
      /** Why the body did not come whole or cannot be decoded: `answer_cut`, `coding_broken`, …. `body` is then empty. */
      readonly bodyFault?: string;
    }
  | {
      readonly kind: 'failure';
      /** `ECONNREFUSED`, `ECONNRESET`, `attempt_timeout`, `answer_garbled`, … */
      readonly code: string;
      /** False when it is certain that the request never reached the upstream (refused, DNS, TLS). */
      readonly mayHaveBeenProcessed: boolean;
    };

/** One payload on its way, with what identifies the attempt to the upstream's logs. */
export interface DeliveryRequest {
  readonly eventId: string;
  readonly attempt: number;
  readonly payload: Buffer;
  /** Sent on as `X-Request-Id`. */
  readonly requestId: string | null;
}

/** An external API that wants events. */
export interface Destination {
  readonly name: string;
  readonly type: string;
  readonly contract: DestinationContract;
  readonly mode: 'live' | 'test' | 'off';
  /** At most this many calls at once. */
  readonly concurrency: number;
  /** At most this many calls per second; null: unlimited. */
  readonly ratePerSecond: number | null;
  /** Whether an event with this name is for it. Pure. */
  wants(eventName: string): boolean;
  /** The bytes that every attempt sends. Pure: same event, same bytes. */
  toPayload(event: AcceptedEvent): Buffer;
  /** One call. Never rejects; aborting `signal` ends it with `attempt_timeout` or `shutdown`, the signal's reason. */
  send(requests: readonly DeliveryRequest[], signal: AbortSignal): Promise<UpstreamAnswer>;
  /**
   * Whether the body of a 2xx says, by this destination's contract, that the event was taken; null: it could not be read. Pure. What
   * every other answer means is one table for all: services/delivery/read-answer.ts.
   */
  isAccepted(body: Buffer | null): boolean;
  /**
   * What the answer to a batch says of each of its items, as an HTTP status, in order; null for an item that it does not speak of, and
   * for all when it cannot be read. Pure. Only where batchMode is `perItem` (of a 2xx) or `atomicNamed` (of a refusal).
   */
  itemStatuses?(body: Buffer, requests: readonly DeliveryRequest[]): readonly (number | null)[] | null;
  /** Releases sockets. */
  close(): void;
}
