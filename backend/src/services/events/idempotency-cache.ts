/**
 * Kept invariant: it never decides that an event is new, and never gives a standing that was not true while it was asked. What it
 * knows was committed before it was told; what it says of an event's end is held against the store's count of actions each time.
 */
import type { Cache } from '../../interfaces/cache';
import type { AcceptResult, DeliveryReceipt, EventStore } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { DeliveryStatus, AcceptedEvent, EventStatus } from '../../types/event';
import { Batcher } from '../resilience/batcher';
import { differingFields } from './canonical';

/** `hit`: answered from the cache; `read`: known, and its standing was read; `miss`: not known, the store must decide. */
export type LookUp = 'hit' | 'read' | 'miss';

/** The answer to a repeat, or why there is none. */
export type Known =
  | Extract<AcceptResult, { readonly kind: 'duplicate' | 'conflict' }>
  /** `actions`: the store's count of them, read before this was said; null where it could not be read. */
  | { readonly kind: 'unknown'; readonly actions: number | null };

export interface IdempotencyCacheParts {
  readonly cache: Cache;
  readonly store: Pick<EventStore, 'events' | 'operator'>;
  readonly runtime: Pick<Runtime, 'now' | 'turn'>;
  /** An end is told from the cache only of events accepted less long ago. The store must keep events for longer, by a day. */
  readonly maxAgeMs: number;
  /** For those who count. */
  readonly onLookUp?: (found: LookUp) => void;
}

interface Standing {
  readonly status: EventStatus;
  readonly deliveries: readonly DeliveryReceipt[];
}

interface Entry {
  /** SHA-256 of the content as latin1 text: a quarter of what a Buffer takes. */
  readonly content: string;
  /** The store's count of actions before the rest was read. */
  readonly actions: number;
  /** Null while it is not known to have ended. */
  readonly end: (Standing & { readonly acceptedAt: number }) | null;
}

/** An hour: repeats come soon or never, and no entry outlives its event for long whatever the clocks do. */
const KEPT_FOR_MS = 3_600_000;
/** So many repeats share one reading of the count of actions. */
const REPEATS_PER_READ = 4_096;

/** Remembers the content of committed events and how they ended, so that a repeat of one needs no commit. */
export class IdempotencyCache {
  private readonly counts: Batcher<null, number>;
  /** The store's count of actions when it was last read: what is true now was so then, or an action was recorded since. */
  private actions: number | null = null;

  constructor(private readonly parts: IdempotencyCacheParts) {
    const { store, runtime } = parts;
    this.counts = new Batcher<null, number>({
      runtime,
      flush: async (askers) => {
        const count = await store.operator.actionCount();
        this.actions = count;
        return askers.map(() => count);
      },
      maxItems: REPEATS_PER_READ,
    });
  }

  /** Never rejects: where the store cannot be read, nothing is known. */
  async lookUp(event: AcceptedEvent, fingerprint: Buffer): Promise<Known> {
    const known = await this.find(event, fingerprint).catch((): Known => ({ kind: 'unknown', actions: this.actions }));
    if (known.kind === 'unknown') this.parts.onLookUp?.('miss');
    return known;
  }

  /**
   * Only after the commit whose result is given.
   * @param actions as `lookUp` gave it before that commit
   */
  async remember(
    event: AcceptedEvent,
    fingerprint: Buffer,
    result: AcceptResult,
    actions: number | null,
  ): Promise<void> {
    if (actions === null || (result.kind !== 'inserted' && result.kind !== 'duplicate')) return;
    // How long ago the store accepted what this one repeats is not known here, and so its end is not kept.
    const end = result.kind === 'inserted' && hasEnded(result) ? { ...result, acceptedAt: event.acceptedAt } : null;
    await this.set(event, { content: fingerprint.toString('latin1'), actions, end });
  }

  private async find(event: AcceptedEvent, fingerprint: Buffer): Promise<Known> {
    const { cache, runtime, maxAgeMs, onLookUp } = this.parts;
    const entry = (await cache.get(keyOf(event))) as Entry | undefined;
    if (entry === undefined && this.actions !== null) return { kind: 'unknown', actions: this.actions };
    const actions = await this.counts.add(null);
    if (entry === undefined) return { kind: 'unknown', actions };
    if (entry.actions !== actions) return this.drop(event, actions);
    const isSame = entry.content === fingerprint.toString('latin1');
    const { end } = entry;
    if (isSame && end !== null && runtime.now() - end.acceptedAt < maxAgeMs) {
      onLookUp?.('hit');
      return { kind: 'duplicate', status: end.status, deliveries: end.deliveries };
    }
    return (await this.read(event, entry, isSame)) ?? this.drop(event, actions);
  }

  /** By its present standing, or null where the store has it no longer as it was. */
  private async read(event: AcceptedEvent, entry: Entry, isSame: boolean): Promise<Known | null> {
    const view = await this.parts.store.events.find({ eventId: event.eventId, clientId: event.clientId });
    if (view === null) return null;
    // Where the row says otherwise, the event was removed and its id accepted anew elsewhere: the store decides.
    if (isSame !== (differingFields(view.event, event).length === 0)) return null;
    this.parts.onLookUp?.('read');
    if (!isSame) return { kind: 'conflict', stored: view.event };
    const deliveries = view.deliveries.map(({ destination, status }) => ({ destination, status }));
    const standing = { status: view.status, deliveries };
    if (hasEnded(standing)) {
      await this.set(event, { ...entry, end: { ...standing, acceptedAt: view.event.acceptedAt } });
    }
    return { kind: 'duplicate', ...standing };
  }

  private async drop(event: AcceptedEvent, actions: number): Promise<Known> {
    await this.parts.cache.delete(keyOf(event));
    return { kind: 'unknown', actions };
  }

  private set(event: AcceptedEvent, entry: Entry): Promise<void> {
    return this.parts.cache.set(keyOf(event), entry, KEPT_FOR_MS);
  }
}

const OPEN: readonly DeliveryStatus[] = ['pending', 'delivering'];

/** An event can be dead by one delivery while another is still open: it has ended when none is. */
function hasEnded({ deliveries }: Standing): boolean {
  return !deliveries.some(({ status }) => OPEN.includes(status));
}

/** Event ids are of one length, so no two pairs make one key. */
function keyOf({ eventId, clientId }: AcceptedEvent): string {
  return eventId + clientId;
}
