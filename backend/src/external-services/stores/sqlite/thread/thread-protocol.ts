import { AppError, type ErrorCode, type FieldError } from '../../../../errors';
import {
  type AcceptLimits,
  type ClaimResult,
  type NewEvent,
  type Settlement,
  StoreUnavailableError,
} from '../../../../interfaces/event-store';
import type { ClaimedDelivery } from '../../../../types/delivery';
import { nameOf, type StoreVerb } from '../../verbs';

/** What the gateway's thread and the store's thread say to each other. Calls are answered in any order, each by its id. */

export interface ThreadRequest {
  readonly id: number;
  /** `group.name` */
  readonly verb: string;
  /** The arguments, packed. */
  readonly args: unknown;
  /** Nothing comes after it: the thread ends. */
  readonly isLast: boolean;
}

export type ThreadReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'open_failed'; readonly error: PackedError }
  /** The result, packed. */
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PackedError }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly fact: string;
    };

/** How a verb's arguments and its result travel. */
interface Packing {
  readonly pack: (args: readonly unknown[]) => unknown;
  readonly unpack: (packed: unknown) => readonly unknown[];
  readonly packResult: (result: unknown) => unknown;
  readonly unpackResult: (packed: unknown) => unknown;
}

/** As they are, by the clone that a message makes. */
const CLONED: Packing = {
  pack: (args) => args,
  unpack: (packed) => packed as readonly unknown[],
  packResult: (result) => result,
  unpackResult: restoreBuffers,
};

/** The hot verbs travel as one text: a clone of many small objects and pooled buffers costs more. */
const HOT: Readonly<Record<string, Partial<Packing>>> = {
  'events.accept': {
    pack: ([events, limits]) => ({ events: packEvents(events as readonly NewEvent[]), limits }),
    unpack: (packed) => {
      const { events, limits } = packed as { readonly events: string; readonly limits: AcceptLimits };
      return [unpackEvents(events), limits];
    },
  },
  'deliveries.settle': {
    pack: ([settlements]) => JSON.stringify(settlements),
    unpack: (packed) => [JSON.parse(packed as string) as Settlement[]],
  },
  'deliveries.claimDue': {
    packResult: (result) => packClaim(result as ClaimResult),
    unpackResult: (packed) => unpackClaim(packed as string),
  },
};

export function packingOf(verb: StoreVerb): Packing {
  return { ...CLONED, ...HOT[nameOf(verb)] };
}

/** An error in a form that keeps its meaning on the way between threads. */
type PackedError =
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
function packEvents(events: readonly NewEvent[]): string {
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

function unpackEvents(packed: string): NewEvent[] {
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

function packClaim({ claimed, ...rest }: ClaimResult): string {
  const packed: PackedDelivery[] = claimed.map((delivery) => ({
    ...delivery,
    payload: delivery.payload.toString('latin1'),
    checksum: delivery.checksum.toString('latin1'),
  }));
  return JSON.stringify({ ...rest, claimed: packed });
}

function unpackClaim(packed: string): ClaimResult {
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
function restoreBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value !== 'object' || value === null) return value;
  const holder = value as Record<string, unknown>;
  for (const [key, item] of Object.entries(holder)) {
    if (typeof item === 'object' && item !== null) holder[key] = restoreBuffers(item);
  }
  return value;
}
