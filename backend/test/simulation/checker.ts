import { DEFAULT_ATTEMPT_LIMIT } from '../../src/external-services/event-store-rules';
import type { MemoryStoreState, StoredDelivery, StoredEvent } from '../../src/external-services/memory-store-state';
import type { AttemptRecord } from '../../src/types/delivery';
import type { EventInput } from '../../src/types/event';
import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { History } from './history';
import type { Profile } from './profile';
import type { SendLog } from './send-log';

export interface CheckerParts {
  readonly runtime: SimulatedRuntime;
  readonly history: History;
  readonly state: () => MemoryStoreState;
  readonly sends: SendLog;
  readonly profile: Profile;
}

interface Answered {
  readonly clientId: string;
  readonly input: EventInput;
}

const DAY_MS = 86_400_000;
/** What is younger than this could be posted again and counted twice. */
const DEDUPLICATION_MS = 7 * DAY_MS;

/** What is committed later than this after it was checked could repeat what is pruned by then. */
const COMMIT_WITHIN_MS = 3_600_000;
const PROMPT_MS = 300;
/** Between two attempts: the longest backoff and Retry-After of a world, and the clamp of one that asks for eternity. */
const USUAL_PAUSE_MS = 25_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** What is posted this long after all is well again meets nothing of the storm; in a patient world a pause of an hour may last. */
const AFTERMATH_MS = { usual: 60_000, patient: 3_660_000 };
/** The longest cooldown, and a little; with events that never get an answer, each of them may hold the only place meanwhile. */
const NEIGHBOUR_MS = { usual: 18_000, behindHanging: 60_000 };

/** Holds the promises from outside: by what clients were told, what the disk holds and what destinations saw. */
export class Checker {
  private readonly answered: Answered[] = [];
  private readonly acceptedAt = new Map<string, number>();
  private readonly seen = new Set<string>();
  private lastKnown = new Map<number, StoredEvent>();
  /** Deliveries that an operator has sent again, and how often. */
  private readonly replays = new Map<number, number>();
  /** Events that are posted beside poisoned ones when all is well again. */
  private readonly neighbours = new Set<string>();
  private healedAt = Infinity;

  constructor(private readonly parts: CheckerParts) {}

  /** A client is told that its event is taken: it must be there now, as posted (promises 2 and 8). */
  told2xx(clientId: string, input: EventInput): void {
    const { history } = this.parts;
    const stored = this.find(clientId, input.event_id);
    const isOld = this.ageMs(clientId, input) >= DEDUPLICATION_MS;
    if (stored === undefined && !isOld) {
      return history.violate('2 no 2xx before the commit', `${String(input.event_id)} is not in the store`);
    }
    if (stored !== undefined && !isSame(stored, input)) {
      history.violate('8 one event per id', `${stored.event.eventId}: taken, but other content is stored`);
    }
    this.answered.push({ clientId, input });
  }

  toldConflict(clientId: string, input: EventInput): void {
    const stored = this.find(clientId, input.event_id);
    if (stored !== undefined && !isSame(stored, input)) return;
    this.parts.history.violate('8 one event per id', `${String(input.event_id)}: a conflict with nothing or itself`);
  }

  expectNeighbour(eventId: string): void {
    this.healedAt = Math.min(this.healedAt, this.parts.runtime.monotonic());
    this.neighbours.add(eventId);
  }

  replayed(deliveryIds: readonly number[]): void {
    for (const id of deliveryIds) this.replays.set(id, (this.replays.get(id) ?? 0) + 1);
  }

  /** After each commit: nothing vanished but what is old enough, and the counts add up (promises 1, 3 and 8). */
  committed(verb: string): void {
    const { history, runtime } = this.parts;
    const state = this.parts.state();
    const counted = [...state.tallies.values()].reduce((sum, count) => sum + count, 0);
    if (counted !== state.deliveries.size) {
      history.violate('3 accepted = delivered + dead + open', `${counted} are counted, ${state.deliveries.size} exist`);
    }
    for (const [row, stored] of state.events) {
      if (this.lastKnown.has(row)) continue;
      const key = `${stored.event.clientId} ${stored.event.eventId}`;
      if (this.seen.has(key)) history.violate('8 one event per id', `${key} was stored before, and is again`);
      this.seen.add(key);
      const lateMs = runtime.now() - stored.event.acceptedAt;
      if (lateMs > COMMIT_WITHIN_MS) history.violate('8 the window closes', `${key} was read ${lateMs} ms ago`);
      for (const id of stored.deliveryIds) {
        const payload = state.deliveries.get(id)?.payload;
        if (payload !== undefined) this.parts.sends.originals.set(id, payload);
      }
      if (!this.acceptedAt.has(key)) this.acceptedAt.set(key, runtime.monotonic());
    }
    for (const [row, stored] of this.lastKnown) if (!state.events.has(row)) this.checkRemoval(verb, stored);
    this.lastKnown = new Map(state.events);
  }

  /** When nothing is left to happen. */
  finish(): void {
    const { history } = this.parts;
    const state = this.parts.state();
    for (const { clientId, input } of this.answered) {
      const key = `${clientId} ${String(input.event_id)}`;
      const isOld = this.ageMs(clientId, input) >= DEDUPLICATION_MS;
      if (this.find(clientId, input.event_id) === undefined && !isOld) {
        history.violate('1 nothing accepted is lost', `${key} was answered 2xx and is gone`);
      }
    }
    for (const stored of state.events.values()) {
      if (this.parts.profile.kind === 'calm') this.checkPromptness(stored);
      if (this.neighbours.has(stored.event.eventId)) this.checkNeighbour(stored, state);
      for (const id of stored.deliveryIds) {
        const delivery = state.deliveries.get(id);
        if (delivery !== undefined) this.checkEnd(stored, delivery);
      }
    }
  }

  /** Where nothing fails nothing waits: what the worker was told of goes out at once. */
  private checkPromptness({ event }: StoredEvent): void {
    const { history, sends } = this.parts;
    const acceptedAt = this.acceptedAt.get(`${event.clientId} ${event.eventId}`) ?? 0;
    for (const destination of ['ads', 'api', 'hook']) {
      const [first] = sends.of(event.eventId, destination);
      const waitedMs = first === undefined ? 0 : first.startedAt - acceptedAt;
      if (waitedMs > PROMPT_MS) history.violate('7 nothing is delayed', `${event.eventId} waited ${waitedMs} ms`);
    }
  }

  /** A poisoned event costs those beside it one probe at most, and never their end. */
  private checkNeighbour({ event, deliveryIds }: StoredEvent, state: MemoryStoreState): void {
    const { history, sends, profile } = this.parts;
    const acceptedAt = this.acceptedAt.get(`${event.clientId} ${event.eventId}`) ?? 0;
    const mayTakeMs = profile.poisonedCall === 'poison-hang' ? NEIGHBOUR_MS.behindHanging : NEIGHBOUR_MS.usual;
    const calmFrom = this.healedAt + (profile.kind === 'patient' ? AFTERMATH_MS.patient : AFTERMATH_MS.usual);
    for (const id of deliveryIds) {
      const { destination = '', status } = state.deliveries.get(id) ?? {};
      const who = `${event.eventId.slice(-6)} to ${destination}, beside ${String(profile.poisonedCall)}`;
      if (status === 'dead') history.violate('7 neighbours are delivered', `${who}: it is ${status}`);
      const taken = sends.of(event.eventId, destination).find((send) => send.isTaken);
      const waitedMs = taken === undefined ? Infinity : taken.startedAt - acceptedAt;
      if (waitedMs > mayTakeMs && acceptedAt > calmFrom) {
        history.violate('7 neighbours are delivered', `${who}: it waited ${waitedMs} ms`);
      }
    }
  }

  private checkRemoval(verb: string, { event }: StoredEvent): void {
    const { history } = this.parts;
    const key = `${event.clientId} ${event.eventId}`;
    const ageMs = this.ageMs(event.clientId, { event_id: event.eventId });
    if (verb === 'prune' && ageMs >= DEDUPLICATION_MS) return;
    history.violate('8 deduplication lasts', `${verb} removed ${key}, accepted ${ageMs} ms ago`);
  }

  /** How each delivery ended, by its attempts and by what its destination saw. */
  private checkEnd({ event }: StoredEvent, delivery: StoredDelivery): void {
    const { history, sends } = this.parts;
    const { destination, status, records, deadReason } = delivery;
    const who = `${event.eventId.slice(-6)} to ${destination}`;
    const made = sends.of(event.eventId, destination);
    const replays = this.replays.get(delivery.id) ?? 0;
    if (status === 'pending' || status === 'delivering') {
      history.violate('3 every event ends', `${who} is ${status}, due at ${String(delivery.dueAt)}`);
    }
    const isTaken = made.some((send) => send.isTaken);
    if (status === 'delivered' && !isTaken) history.violate('1 nothing is lost', `${who}: delivered and never taken`);
    if (status === 'dead' && deadReason === null) history.violate('3 dead with a reason', who);
    for (const send of made.filter((one) => one.isTaken)) {
      const record = records.find(({ number }) => number === send.attempt);
      const isExplained = record !== undefined && (record.outcome === 'delivered' || record.possibleDuplicate !== null);
      if (!isExplained) history.violate('4 duplicates have a reason', `${who}: attempt ${send.attempt} has none`);
    }
    const refused = records.findIndex(({ outcome }) => outcome === 'rejected');
    if (replays === 0 && refused >= 0 && refused < records.length - 1) {
      history.violate('7 a refusal is final', `${who}: attempts after attempt ${refused + 1} was refused`);
    }
    const delivered = records.findIndex(({ outcome }) => outcome === 'delivered');
    if (replays === 0 && delivered >= 0 && delivered < records.length - 1) {
      history.violate('4 delivered once recorded', `${who}: attempts after attempt ${delivered + 1} delivered`);
    }
    if (deadReason === 'retries_exhausted' && replays === 0) this.checkPatience(who, records);
    const burnt = records.filter(({ outcome }) => outcome !== 'held').length;
    const limit = this.parts.profile.attemptLimit ?? DEFAULT_ATTEMPT_LIMIT;
    if (deadReason === 'attempts_exhausted' && burnt < limit * (replays + 1)) {
      history.violate('7 no attempt is burnt', `${who}: given up after ${burnt} attempts of ${limit}`);
    }
  }

  /** Retries go on for as long as is set, less the longest pause between two of them. */
  private checkPatience(who: string, records: readonly AttemptRecord[]): void {
    const { history, profile, sends } = this.parts;
    const [first, last] = [records[0], records.at(-1)];
    const isSimple = records.every(({ outcome }) => outcome === 'retryable') && sends.lastJumpAt === -Infinity;
    if (first === undefined || last === undefined || !isSimple) return;
    const triedMs = last.startedAt + last.durationMs - first.startedAt;
    const pauseMs = profile.kind === 'patient' ? LONGEST_PAUSE_MS : USUAL_PAUSE_MS;
    if (triedMs + pauseMs < profile.retryForMs) {
      history.violate('3 retries go on', `${who}: given up after ${triedMs} ms`);
    }
  }

  /** Since it was committed. */
  private ageMs(clientId: string, { event_id: eventId }: Pick<EventInput, 'event_id'>): number {
    const now = this.parts.runtime.monotonic();
    return now - (this.acceptedAt.get(`${clientId} ${String(eventId)}`) ?? now);
  }

  private find(clientId: string, eventId: string | undefined): StoredEvent | undefined {
    const state = this.parts.state();
    return [...state.events.values()].find(({ event }) => event.eventId === eventId && event.clientId === clientId);
  }
}

function isSame({ event }: StoredEvent, input: EventInput): boolean {
  return (
    event.userId === input.user_id &&
    event.valueCents === Number(input.value) * 100 &&
    event.eventName === input.event_name
  );
}
