import { AppError } from '../../errors';
import type { Runtime } from '../../interfaces/runtime';
import type { Catalogue } from '../events/catalogue';
import { uuidV5 } from '../events/event-id';
import type { EventService } from '../events/event-service';
import type { PointsService } from '../points/points-service';

export interface TrackedEvent {
  readonly userId: string;
  /** A name of the catalogue, in either case. */
  readonly eventType: string;
  /** Any whole number from 0, kept as it is. */
  readonly timestamp: number;
}

/** The event tracking family: events that count for points and go nowhere. */
export class EventTrackingService {
  constructor(
    private readonly events: EventService,
    private readonly points: PointsService,
    private readonly catalogue: Catalogue,
    private readonly runtime: Runtime,
  ) {}

  /** Its id follows from user, type and timestamp, so the store itself knows a repeat. Throws `validation_failed` or `duplicate_event`. */
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
      acceptedAt: this.runtime.now(),
    };
    const { eventId, isDuplicate } = await this.events.take(event, () => false, false);
    if (isDuplicate) {
      throw new AppError('duplicate_event', 'This user has an event of this type at this timestamp already.');
    }
    return eventId;
  }

  /** The points of a user, of all its events or of one type; null where there is no such event. */
  async pointsOf(userId: string, eventType: string | undefined): Promise<number | null> {
    const name = eventType === undefined ? undefined : this.nameOf(eventType, '/event_type');
    const { points, events } = await this.points.pointsOf(userId);
    if (name !== undefined) return events.find((event) => event.name === name)?.points ?? null;
    return events.length === 0 ? null : points;
  }

  private nameOf(eventType: string, pointer: string): string {
    const names = this.catalogue.names();
    const found = names.find((name) => name === eventType) ?? names.find((name) => sameWord(name, eventType));
    if (found !== undefined) return found;
    const detail = `is not in the catalogue; known: ${names.slice(0, 50).join(', ')}`;
    throw new AppError('validation_failed', 'The request has faults; each is named in errors.', {
      errors: [{ pointer, detail }],
    });
  }
}

const sameWord = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
