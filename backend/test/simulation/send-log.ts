import type { MemoryStoreState, StoredDelivery, StoredEvent } from '../../src/external-services/memory-store-state';
import type { Destination, DeliveryRequest, UpstreamAnswer } from '../../src/interfaces/destination';
import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { History } from './history';
import type { SimulatedProcess } from './simulated-process';

/** One event in one call, as it left the gateway. Times are monotonic. */
export interface Send {
  readonly label: string;
  readonly eventId: string;
  readonly destination: string;
  /** The destination as it was defined then. */
  readonly via: Destination;
  readonly attempt: number;
  readonly payload: Buffer;
  readonly process: SimulatedProcess;
  /** How many events went in the same call. */
  readonly company: number;
  readonly startedAt: number;
  endedAt: number | null;
  /** Its bytes have reached the destination. */
  hasArrived: boolean;
  /** The destination has taken the event. */
  isTaken: boolean;
  status: number | null;
}

/** A batch that was refused whole goes again in parts, which is the same attempt of each. */
function isPartOf(send: Send, other: Send): boolean {
  const isSame = other.attempt === send.attempt && other.via === send.via && other.company > send.company;
  return isSame && other.endedAt !== null && other.status !== null && other.status >= 400 && other.status < 500;
}

interface StoredPair {
  readonly stored: StoredEvent;
  readonly delivery: StoredDelivery;
}

function findDelivery(state: MemoryStoreState, eventId: string, destination: string): StoredPair | null {
  for (const stored of state.events.values()) {
    if (stored.event.eventId !== eventId) continue;
    for (const id of stored.deliveryIds) {
      const delivery = state.deliveries.get(id);
      if (delivery?.destination === destination) return { stored, delivery };
    }
  }
  return null;
}

interface SendLogParts {
  readonly runtime: SimulatedRuntime;
  readonly history: History;
  readonly state: () => MemoryStoreState;
  /** Whether the process still has this destination, unchanged. */
  readonly isCurrent: (process: SimulatedProcess, destination: Destination) => boolean;
  readonly leaseMs: number;
}

const RETRY_AFTER_MAX_MS = 3_600_000;

/** Sees every call as it leaves and as it ends, and holds what is promised of calls. */
export class SendLog {
  readonly sends: Send[] = [];
  /** The payload of each delivery as it was accepted. */
  readonly originals = new Map<number, Buffer>();
  lastJumpAt = -Infinity;
  /** Those that may still be under way. */
  private calls: (readonly Send[])[] = [];
  private readonly byDelivery = new Map<string, Send[]>();
  private readonly claimAskedAt = new Map<string, number>();
  /** Until when a process was asked to leave a destination alone. */
  private readonly quietUntil = new Map<SimulatedProcess, Map<string, number>>();
  private readonly held = new Map<SimulatedProcess, Set<string>>();
  private readonly unrecordedSince = new Map<SimulatedProcess, number>();

  constructor(private readonly parts: SendLogParts) {}

  of(eventId: string, destination: string): readonly Send[] {
    return this.byDelivery.get(`${eventId} ${destination}`) ?? [];
  }

  /** A process sends. Whatever it must not do now is a violation. */
  begin(process: SimulatedProcess, via: Destination, parcels: readonly DeliveryRequest[]): Send[] {
    const state = this.parts.state();
    const destination = via.name;
    this.checkCall(process, destination, parcels);
    const sends = parcels.map(({ eventId, attempt, payload }) => {
      const key = `${eventId} ${destination}`;
      const earlier = this.byDelivery.get(key) ?? [];
      const label = `${eventId.slice(-6)}.${attempt}`;
      const startedAt = this.parts.runtime.monotonic();
      const common = {
        label,
        eventId,
        destination,
        via,
        attempt,
        payload,
        process,
        startedAt,
        company: parcels.length,
      };
      const send: Send = { ...common, endedAt: null, hasArrived: false, isTaken: false, status: null };
      this.checkSend(send, earlier, findDelivery(state, eventId, destination));
      this.byDelivery.set(key, [...earlier, send]);
      this.sends.push(send);
      return send;
    });
    this.checkConcurrency(process, via, sends);
    return sends;
  }

  taken(send: Send): void {
    send.isTaken = true;
  }

  /** The process has read the answer, or has given up waiting. */
  ended(sends: readonly Send[], answer: UpstreamAnswer): void {
    const { runtime, history } = this.parts;
    const [first] = sends;
    if (first === undefined) return;
    const { process, destination, via } = first;
    const what = answer.kind === 'response' ? String(answer.status) : answer.code;
    history.note(`${process.name} reads ${what} ${sends.map(({ label }) => label).join(' ')}`);
    for (const send of sends) {
      send.endedAt = runtime.monotonic();
      send.status = answer.kind === 'response' ? answer.status : null;
    }
    // What a destination says that was changed meanwhile is no word about the one that is there now.
    if (answer.kind !== 'response' || !this.parts.isCurrent(process, via)) return;
    if (answer.status === 410) this.hold(process, destination);
    const waitMs = this.askedToWaitMs(answer.status, answer.headers['retry-after']);
    if (waitMs > 0) this.beQuiet(process, destination, waitMs);
  }

  claimed(destination: string, askedAt: number, deliveries: readonly DeliveryRequest[]): void {
    for (const { eventId, attempt } of deliveries) {
      this.claimAskedAt.set(`${eventId} ${destination} ${attempt}`, askedAt);
    }
  }

  /** The process was told that an outcome could not be stored: it sends no more until one could. */
  settled(process: SimulatedProcess, isStored: boolean): void {
    if (isStored) this.unrecordedSince.delete(process);
    else if (!this.unrecordedSince.has(process)) this.unrecordedSince.set(process, this.parts.runtime.monotonic());
  }

  /** The destination was defined anew, which may have mended it: nobody waits for what the old one had asked. */
  replaced(process: SimulatedProcess, destination: string): void {
    this.quietUntil.get(process)?.delete(destination);
  }

  /** Until `release` this process sends nothing there. */
  hold(process: SimulatedProcess, destination: string): void {
    this.held.set(process, (this.held.get(process) ?? new Set()).add(destination));
  }

  release(destination: string): void {
    for (const destinations of this.held.values()) destinations.delete(destination);
  }

  private checkCall(process: SimulatedProcess, destination: string, parcels: readonly DeliveryRequest[]): void {
    const { history, runtime } = this.parts;
    const now = runtime.monotonic();
    const who = `${process.name} to ${destination}`;
    if (process.isDead) history.violate('simulation', `${who}: a dead process sends`);
    if (now < (this.quietUntil.get(process)?.get(destination) ?? -Infinity)) {
      history.violate('7 Retry-After', `${who}: a call before the time that Retry-After named`);
    }
    if (this.held.get(process)?.has(destination)) history.violate('7 holds', `${who}: a call while it is held`);
    const since = this.unrecordedSince.get(process) ?? Infinity;
    for (const { eventId, attempt } of parcels) {
      if ((this.claimAskedAt.get(`${eventId} ${destination} ${attempt}`) ?? -Infinity) > since) {
        history.violate('6 no sending while the store cannot commit', `${who}: ${eventId} was claimed and sent`);
      }
    }
  }

  private checkConcurrency(process: SimulatedProcess, via: Destination, sends: readonly Send[]): void {
    const isOpen = ([first]: readonly Send[]) =>
      first?.process === process && first.via === via && first.endedAt === null;
    this.calls = [...this.calls.filter(([first]) => first?.endedAt === null), sends];
    const open = this.calls.filter(isOpen).length;
    if (open > via.concurrency) {
      this.parts.history.violate('10 everything is bounded', `${process.name} has ${open} calls open to ${via.name}`);
    }
  }

  private checkSend(send: Send, earlier: readonly Send[], found: StoredPair | null): void {
    const { history, runtime, leaseMs } = this.parts;
    const { label, attempt, payload, destination } = send;
    const who = `${send.process.name} to ${destination}, ${label}`;
    history.note(`${send.process.name} sends ${label} to ${destination}`);
    if (found === null) return history.violate('2 commit first', `${who}: it sends what is not stored`);
    const { delivery, stored } = found;
    const hasJumped = this.lastJumpAt >= send.startedAt - leaseMs;
    if (!this.originals.get(delivery.id)?.equals(payload)) {
      history.violate('5 same bytes', `${who}: the bytes are not those that were accepted`);
    }
    if (earlier.some((other) => other.attempt >= attempt && !isPartOf(send, other))) {
      history.violate('5 attempt numbers', `${who}: the number was used before`);
    }
    if (!hasJumped && (delivery.status !== 'delivering' || delivery.attempts !== attempt)) {
      history.violate('5 leases', `${who}: it is ${delivery.status}, attempt ${delivery.attempts}, in the store`);
    }
    if (this.lastJumpAt === -Infinity && (stored.event.deliverAt ?? 0) > runtime.now()) {
      history.violate('3 deliver_at', `${who}: sent before its time`);
    }
    for (const other of earlier) {
      const isOver = other.endedAt !== null || other.process.isDead || other.process.wasHeldUpSince(other.startedAt);
      if (!isOver && this.lastJumpAt < other.startedAt) {
        history.violate('5 one in flight', `${who}: attempt ${other.attempt} is under way`);
      }
    }
  }

  private beQuiet(process: SimulatedProcess, destination: string, waitMs: number): void {
    const known = this.quietUntil.get(process) ?? new Map<string, number>();
    const until = this.parts.runtime.monotonic() + waitMs;
    known.set(destination, Math.max(until, known.get(destination) ?? 0));
    this.quietUntil.set(process, known);
  }

  private askedToWaitMs(status: number, header: string | undefined): number {
    if (status < 500 && ![408, 425, 429].includes(status)) return 0;
    if (header === undefined) return 0;
    const date = header.endsWith('GMT') ? Date.parse(header) - this.parts.runtime.now() : 0;
    return Math.min(/^\d+$/.test(header) ? Number(header) * 1000 : date, RETRY_AFTER_MAX_MS);
  }
}
