import { Ring } from '../ring';
import type { Conversion } from './conversion';
import { UuidSet } from './uuid-set';

export interface ReceivedConversion extends Conversion {
  /** When it was answered, as an ISO 8601 date. */
  readonly received_at: string;
  /** The call said that it is a test. */
  readonly test?: true;
}

/** One call, answered or not. */
export interface ConversionCall {
  /** Null when the body had none or was not read. */
  id: string | null;
  /** The status answered; null while the call is open, and for ever when it got no answer. */
  status: number | null;
  readonly behaviour: string;
  /** Of the raw body, hex; null when it was not read to its end. */
  sha256: string | null;
  /** Why it was refused, where the simulator itself found a fault. */
  fault: string | null;
  readonly received_at: string;
}

interface IdTally {
  calls: number;
  accepted: number;
  /** How many different bodies came under this id: 1 when every attempt sent the same bytes. */
  bodies: number;
}

export interface LogQuery {
  readonly limit: number;
  readonly id?: string | undefined;
  /** A sequence number: the answer starts there instead of ending with the newest. */
  readonly from?: number | undefined;
}

function select<T extends { readonly id: string | null }>(
  ring: Ring<T>,
  query: LogQuery,
): { items: T[]; next: number } {
  if (query.id !== undefined) {
    const matching = ring.all().filter(({ id }) => id === query.id);
    return { items: matching.slice(Math.max(0, matching.length - query.limit)), next: ring.count };
  }
  return ring.from(query.from ?? Math.max(0, ring.count - query.limit), query.limit);
}

/**
 * What AdEventsX remembers: conversions answered 202, and every call. Bounded; the counts never
 * forget.
 */
export class ConversionLog {
  private readonly conversions: Ring<ReceivedConversion>;
  private readonly calls: Ring<ConversionCall>;
  private readonly ids = new UuidSet();

  constructor(remember: number) {
    this.conversions = new Ring(remember);
    this.calls = new Ring(remember);
  }

  resize(remember: number): void {
    this.conversions.resize(remember);
    this.calls.resize(remember);
  }

  /** The returned call stays open: its outcome is filled in as it becomes known. */
  openCall(behaviour: string): ConversionCall {
    const received_at = new Date().toISOString();
    const call: ConversionCall = { id: null, status: null, behaviour, sha256: null, fault: null, received_at };
    this.calls.push(call);
    return call;
  }

  receive(conversion: Conversion, isTest: boolean): ReceivedConversion {
    const received: ReceivedConversion = {
      ...conversion,
      received_at: new Date().toISOString(),
      ...(isTest && { test: true }),
    };
    this.conversions.push(received);
    this.ids.add(conversion.id);
    return received;
  }

  /**
   * Oldest first. `count` and `distinct` are over everything since the start, `next` is the `from`
   * of what follows.
   */
  readConversions(query: LogQuery): {
    count: number;
    distinct: number;
    distinctIsExact: boolean;
    next: number;
    conversions: ReceivedConversion[];
  } {
    const { items, next } = select(this.conversions, query);
    const { size: distinct, isExact: distinctIsExact } = this.ids;
    return { count: this.conversions.count, distinct, distinctIsExact, next, conversions: items };
  }

  /** Oldest first. `ids` tells, for each id among the calls returned, what is remembered of it. */
  readCalls(query: LogQuery): {
    count: number;
    next: number;
    calls: ConversionCall[];
    ids: Record<string, IdTally>;
  } {
    const { items, next } = select(this.calls, query);
    const wanted = new Set(items.map(({ id }) => id));
    return { count: this.calls.count, next, calls: items, ids: this.tally(wanted) };
  }

  clear(): void {
    this.conversions.clear();
    this.calls.clear();
    this.ids.clear();
  }

  private tally(wanted: ReadonlySet<string | null>): Record<string, IdTally> {
    const bodies = new Map<string, Set<string>>();
    const tallies = new Map<string, IdTally>();
    for (const { id, status, sha256 } of this.calls.all()) {
      if (id === null || !wanted.has(id)) continue;
      const tally = tallies.get(id) ?? { calls: 0, accepted: 0, bodies: 0 };
      const seen = bodies.get(id) ?? new Set<string>();
      if (sha256 !== null) seen.add(sha256);
      tally.calls += 1;
      tally.accepted += status === 202 ? 1 : 0;
      tally.bodies = seen.size;
      tallies.set(id, tally);
      bodies.set(id, seen);
    }
    return Object.fromEntries(tallies);
  }
}
