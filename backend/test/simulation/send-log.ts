import type { MemoryStoreState, StoredDelivery, StoredEvent } from '../support/memory-store-state';
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

/** A batch that was refused whole, or failed by an answer, goes again in parts, which is the same attempt of each. */
function isPartOf(send: Send, other: Send): boolean {
  const isSame = other.attempt === send.attempt && other.via === send.via && other.company > send.company;
  return isSame && other.endedAt !== null && other.status !== null && other.status >= 400;
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
/** The first cooldown of the gateway's circuits: after it one event may be tried though another was asked for patience. */
export const COOLDOWN_MS = 3_000;
/** So many different events that meet a 410 speak for their destination. */
const CONVINCING = 3;

/** What a process has heard from a destination. Times are monotonic. */
interface Heard {
  /** When each event first failed there. */
  readonly failedAt: Map<string, number>;
  /** When the last of the calls that passed began. */
  passedFrom: number;
  /** It asked for patience: since when, until when, and when it told which events so. */
  quiet: { readonly since: number; until: number; readonly told: Map<string, number> } | null;
  /** First of each call that met a 410, since a call passed. */
  readonly goneTo: Set<string>;
}

type Response = Extract<UpstreamAnswer, { kind: 'response' }>;

/** The destination took it, or has looked into it. */
function isPass({ status, body }: Response, via: Destination): boolean {
  return status >= 200 && status < 300 ? via.isAccepted(body) : [400, 409, 413, 422].includes(status);
}

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
  private readonly heard = new Map<SimulatedProcess, Map<string, Heard>>();
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
    if (!this.parts.isCurrent(process, via)) return;
    if (answer.kind === 'response') this.hear(sends, first, answer);
    else this.noteFailure(sends, this.heardBy(process, destination));
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
    this.heard.get(process)?.delete(destination);
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
    const { quiet } = this.heardBy(process, destination);
    if (quiet !== null && now < quiet.until && !mayTry(quiet, parcels, now)) {
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

  private heardBy(process: SimulatedProcess, destination: string): Heard {
    const byDestination = this.heard.get(process) ?? new Map<string, Heard>();
    this.heard.set(process, byDestination);
    const known = byDestination.get(destination);
    if (known !== undefined) return known;
    const heard = {
      failedAt: new Map<string, number>(),
      passedFrom: -Infinity,
      quiet: null,
      goneTo: new Set<string>(),
    };
    byDestination.set(destination, heard);
    return heard;
  }

  /** What one event is told again, after another has passed, is said of it and not of the destination. */
  private hear(sends: readonly Send[], first: Send, answer: Response): void {
    const now = this.parts.runtime.monotonic();
    const { process, destination, via } = first;
    const { status } = answer;
    const heard = this.heardBy(process, destination);
    if (isPass(answer, via)) {
      heard.passedFrom = Math.max(heard.passedFrom, first.startedAt);
      heard.goneTo.clear();
      this.forgetTold(destination, first.startedAt);
      if (heard.quiet !== null && first.startedAt >= heard.quiet.since) heard.quiet = null;
      return;
    }
    const isOwn = sends.some(({ eventId }) => (heard.failedAt.get(eventId) ?? Infinity) <= heard.passedFrom);
    const isNew = sends.every(({ eventId }) => !heard.failedAt.has(eventId));
    this.noteFailure(sends, heard);
    if (status === 410 && isNew) heard.goneTo.add(first.eventId);
    if (heard.goneTo.size >= CONVINCING) this.hold(process, destination);
    const waitMs = this.askedToWaitMs(status, answer.headers['retry-after']);
    if (waitMs <= 0 || isOwn) return;
    if (heard.quiet === null || now >= heard.quiet.until) {
      heard.quiet = { since: now, until: now + waitMs, told: new Map() };
    }
    heard.quiet.until = Math.max(heard.quiet.until, now + waitMs);
    heard.quiet.told.set(first.eventId, now);
  }

  /** A pass after them, in whatever process, shows that it was those events that were told to wait. */
  private forgetTold(destination: string, before: number): void {
    for (const byDestination of this.heard.values()) {
      const told = byDestination.get(destination)?.quiet?.told;
      for (const [eventId, at] of told ?? []) if (at <= before) told?.delete(eventId);
    }
  }

  private noteFailure(sends: readonly Send[], { failedAt }: Heard): void {
    const now = this.parts.runtime.monotonic();
    for (const { eventId } of sends) if (!failedAt.has(eventId)) failedAt.set(eventId, now);
  }

  private askedToWaitMs(status: number, header: string | undefined): number {
    if (status < 500 && ![408, 425, 429].includes(status)) return 0;
    if (header === undefined) return 0;
    const date = header.endsWith('GMT') ? Date.parse(header) - this.parts.runtime.now() : 0;
    return Math.min(/^\d+$/.test(header) ? Number(header) * 1000 : date, RETRY_AFTER_MAX_MS);
  }
}

/** One event that was not told to wait, by itself, after the first cooldown, while only one other was. */
function mayTry(quiet: NonNullable<Heard['quiet']>, parcels: readonly DeliveryRequest[], now: number): boolean {
  const [parcel] = parcels;
  if (parcel === undefined || parcels.length > 1 || quiet.told.size > 1) return false;
  return now >= quiet.since + COOLDOWN_MS;
}
