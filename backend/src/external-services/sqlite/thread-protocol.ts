import { AppError, type ErrorCode, type FieldError } from '../../errors';
import {
  type AcceptLimits,
  type ClaimRequest,
  type ClaimResult,
  type EventStore,
  type NewEvent,
  StoreUnavailableError,
} from '../../interfaces/event-store';
import type { ClaimedDelivery } from '../../types/delivery';

/** What the gateway's thread and the store's thread say to each other. Calls are answered in any order, each by its id. */

/** The verbs that answer once and travel as they are. */
export type Verb = Exclude<keyof EventStore, 'accept' | 'claimDue' | 'settle' | 'verify' | 'close'>;

export type ThreadRequest =
  | { readonly kind: 'call'; readonly id: number; readonly verb: Verb; readonly args: readonly unknown[] }
  /** `accept`, the hot one: the events as one text, since a clone of many small objects and pooled buffers costs more. */
  | { readonly kind: 'accept'; readonly id: number; readonly events: string; readonly limits: AcceptLimits }
  /** The other hot ones, as text for the same reason: of `claimDue`, the answer. */
  | { readonly kind: 'settle'; readonly id: number; readonly settlements: string }
  | { readonly kind: 'claimDue'; readonly id: number; readonly request: ClaimRequest }
  | { readonly kind: 'verify'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number };

export type ThreadReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'open_failed'; readonly error: PackedError }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'claimed'; readonly id: number; readonly claim: string }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PackedError }
  | { readonly kind: 'fault'; readonly id: number; readonly fault: unknown }
  | { readonly kind: 'progress'; readonly id: number; readonly checkedEvents: number }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly fact: string;
    };

/** An error in a form that keeps its meaning on the way between threads. */
export type PackedError =
  | { readonly kind: 'unavailable'; readonly message: string; readonly isFsyncFailure: boolean }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly detail: string;
      readonly errors: readonly FieldError[] | undefined;
    }
  | { readonly kind: 'other'; readonly message: string; readonly stack: string | undefined };

export function packError(error: unknown): PackedError {
  if (error instanceof StoreUnavailableError) {
    return { kind: 'unavailable', message: error.message, isFsyncFailure: error.isFsyncFailure };
  }
  if (error instanceof AppError)
    return { kind: 'refused', code: error.code, detail: error.detail, errors: error.errors };
  if (error instanceof Error) return { kind: 'other', message: error.message, stack: error.stack };
  return { kind: 'other', message: String(error), stack: undefined };
}

export function unpackError(packed: PackedError): Error {
  if (packed.kind === 'unavailable') return new StoreUnavailableError(packed.message, packed.isFsyncFailure);
  if (packed.kind === 'refused')
    return new AppError(packed.code, packed.detail, packed.errors && { errors: packed.errors });
  const error = new Error(packed.message);
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

/** Bytes travel as latin1 text: one character a byte. */
export function packEvents(events: readonly NewEvent[]): string {
  return JSON.stringify(
    events.map(({ event, fingerprint, deliveries, requestId }) => ({
      event,
      requestId,
      fingerprint: fingerprint.toString('latin1'),
      deliveries: deliveries.map(({ destination, payload, checksum, dueAt }) => ({
        destination,
        payload: payload.toString('latin1'),
        checksum: checksum.toString('latin1'),
        dueAt,
      })),
    })),
  );
}

interface PackedEvent {
  readonly event: NewEvent['event'];
  readonly requestId: string | null;
  readonly fingerprint: string;
  readonly deliveries: readonly {
    readonly destination: string;
    readonly payload: string;
    readonly checksum: string;
    readonly dueAt: number;
  }[];
}

export function unpackEvents(packed: string): NewEvent[] {
  return (JSON.parse(packed) as PackedEvent[]).map(({ event, fingerprint, deliveries, requestId }) => ({
    event,
    requestId,
    fingerprint: Buffer.from(fingerprint, 'latin1'),
    deliveries: deliveries.map(({ destination, payload, checksum, dueAt }) => ({
      destination,
      payload: Buffer.from(payload, 'latin1'),
      checksum: Buffer.from(checksum, 'latin1'),
      dueAt,
    })),
  }));
}

type PackedDelivery = Omit<ClaimedDelivery, 'payload' | 'checksum'> & {
  readonly payload: string;
  readonly checksum: string;
};

export function packClaim({ claimed, ...rest }: ClaimResult): string {
  const packed: PackedDelivery[] = claimed.map((delivery) => ({
    ...delivery,
    payload: delivery.payload.toString('latin1'),
    checksum: delivery.checksum.toString('latin1'),
  }));
  return JSON.stringify({ ...rest, claimed: packed });
}

export function unpackClaim(packed: string): ClaimResult {
  const { claimed, ...rest } = JSON.parse(packed) as Omit<ClaimResult, 'claimed'> & { claimed: PackedDelivery[] };
  return {
    ...rest,
    claimed: claimed.map((delivery) => ({
      ...delivery,
      payload: Buffer.from(delivery.payload, 'latin1'),
      checksum: Buffer.from(delivery.checksum, 'latin1'),
    })),
  };
}

/** A clone turns every Buffer into a plain Uint8Array; this turns them back, in place and without copying. */
export function restoreBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'object' || value === null) return value;
  const holder = value as Record<string, unknown>;
  for (const [key, item] of Object.entries(holder)) {
    if (typeof item === 'object' && item !== null) holder[key] = restoreBuffers(item);
  }
  return value;
}
