import { AppError } from '../../errors';
import type { Runtime } from '../../interfaces/runtime';
import { type ExactObject, writeJson } from '../../types/exact-json';
import type { AcceptedEvent } from '../../types/event';
import type { Catalogue } from '../events/catalogue';
import { canonicalUuid, uuidV5 } from '../events/event-id';
import type { EventService, Standing } from '../events/event-service';
import type { PointsService } from '../points/points-service';

export interface AddedEvent {
  /** The client's own id: a UUID is taken as it is, any other text makes one. */
  readonly id: string | undefined;
  readonly name: string;
  readonly userId: string;
  /** Whatever else the client sent; it is forwarded with the rest. */
  readonly rest: ExactObject;
}

export interface TrackedEvent {
  readonly userId: string;
  /** A name of the catalogue, in either case. */
  readonly eventType: string;
  /** Any whole number from 0, kept as it is. */
  readonly timestamp: number;
}

export interface LegacyServiceParts {
  readonly events: EventService;
  readonly points: PointsService;
  readonly catalogue: Catalogue;
  readonly runtime: Runtime;
}

/** What tells that an id is taken by another content. */
const CONFLICTS: readonly string[] = ['event_id_conflict', 'idempotency_key_reused'];

/**
 * The writing side of the legacy API: events of any name for the external event API, and events
 * that count for points and go nowhere.
 */
export class LegacyService {
  constructor(private readonly parts: LegacyServiceParts) {}

  /**
   * Durable when it resolves. Throws `rate_limited` where the backlog is full, as this family's
   * clients expect it.
   */
  async add(
    clientId: string,
    { id, name, userId, rest }: AddedEvent,
    idempotencyKey: string | undefined,
    requestId: string,
  ): Promise<Standing> {
    const event = {
      eventId: this.eventIdOf(clientId, id, idempotencyKey),
      clientId,
      userId,
      eventName: name,
      eventTimeSeconds: Math.floor(this.parts.runtime.now() / 1000),
      valueCents: null,
      currency: null,
      campaignId: null,
      clickId: null,
      properties: Object.keys(rest).length === 0 ? null : writeJson(rest),
      deliverAt: null,
      acceptedAt: this.parts.runtime.now(),
    };
    const take = (timed: AcceptedEvent) =>
      this.parts.events.take(timed, ({ type }) => type === 'event-api', id === undefined, requestId);
    try {
      return await take(event).catch(async (error: unknown) => {
        if (!(error instanceof AppError) || !CONFLICTS.includes(error.code)) throw error;
        // The time is ours, not the client's: a repeat says the same although it comes a second
        // later.
        const { event: stored } = await this.parts.events.find(event);
        return take({ ...event, eventTimeSeconds: stored.eventTimeSeconds });
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'backlog_full') throw error;
      throw new AppError('rate_limited', error.detail, { retryAfterSeconds: error.retryAfterSeconds ?? 10 });
    }
  }

  /**
   * Its id follows from user, type and timestamp, so the store itself knows a repeat. Throws
   * `validation_failed` or `duplicate_event`.
   */
  async track(clientId: string, { userId, eventType, timestamp }: TrackedEvent): Promise<string> {
    const eventName = this.nameOf(eventType, '/event_type');
    const event = {
      eventId: uuidV5('event-tracking', JSON.stringify([userId, eventName, timestamp])),
      clientId,
      userId,
      eventName,
      eventTimeSeconds: timestamp,
      valueCents: null,
      currency: null,
      campaignId: null,
      clickId: null,
      properties: null,
      deliverAt: null,
      acceptedAt: this.parts.runtime.now(),
    };
    const { eventId, isDuplicate } = await this.parts.events.take(event, () => false, false);
    if (isDuplicate) {
      throw new AppError('duplicate_event', 'This user has an event of this type at this timestamp already.');
    }
    return eventId;
  }

  /** The points of a user, of all its events or of one type. */
  async pointsOf(userId: string, eventType: string | undefined): Promise<number> {
    const name = eventType === undefined ? undefined : this.nameOf(eventType, '/event_type');
    const { points, events } = await this.parts.points.pointsOf(userId);
    return name === undefined ? points : (events.find((event) => event.name === name)?.points ?? 0);
  }

  private nameOf(eventType: string, pointer: string): string {
    const names = this.parts.catalogue.names();
    const found = names.find((name) => name === eventType) ?? names.find((name) => sameWord(name, eventType));
    if (found !== undefined) return found;
    const detail = `is not in the catalogue; known: ${names.slice(0, 50).join(', ')}`;
    throw new AppError('validation_failed', 'The request has faults; each is named in errors.', {
      errors: [{ pointer, detail }],
    });
  }

  private eventIdOf(clientId: string, id: string | undefined, idempotencyKey: string | undefined): string {
    if (id !== undefined) return canonicalUuid(id) ?? uuidV5(clientId, `addEvent:${id}`);
    return idempotencyKey === undefined ? this.parts.runtime.newId() : uuidV5(clientId, idempotencyKey);
  }
}

const sameWord = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
