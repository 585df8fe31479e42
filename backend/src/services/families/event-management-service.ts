import { AppError } from '../../errors';
import type { Runtime } from '../../interfaces/runtime';
import { type ExactObject, writeJson } from '../../types/exact-json';
import type { AcceptedEvent } from '../../types/event';
import { canonicalUuid, uuidV5 } from '../events/event-id';
import type { EventService, Standing } from '../events/event-service';

export interface AddedEvent {
  /** The client's own id: a UUID is taken as it is, any other text makes one. */
  readonly id: string | undefined;
  readonly name: string;
  readonly userId: string;
  /** Whatever else the client sent; it is forwarded with the rest. */
  readonly rest: ExactObject;
}

/** What tells that an id is taken by another content. */
const CONFLICTS: readonly string[] = ['event_id_conflict', 'idempotency_key_reused'];

/** The writing side of the event management family: events of any name, for the external event API. */
export class EventManagementService {
  constructor(
    private readonly events: EventService,
    private readonly runtime: Runtime,
  ) {}

  /** Durable when it resolves. Throws `rate_limited` where the backlog is full, as this family's clients expect it. */
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
      eventTimeSeconds: Math.floor(this.runtime.now() / 1000),
      valueCents: null,
      currency: null,
      campaignId: null,
      clickId: null,
      properties: Object.keys(rest).length === 0 ? null : writeJson(rest),
      deliverAt: null,
      acceptedAt: this.runtime.now(),
    };
    const take = (timed: AcceptedEvent) =>
      this.events.take(timed, ({ type }) => type === 'event-api', id === undefined, requestId);
    try {
      return await take(event).catch(async (error: unknown) => {
        if (!(error instanceof AppError) || !CONFLICTS.includes(error.code)) throw error;
        // The time is ours, not the client's: a repeat says the same although it comes a second later.
        const { event: stored } = await this.events.find(event);
        return take({ ...event, eventTimeSeconds: stored.eventTimeSeconds });
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'backlog_full') throw error;
      throw new AppError('rate_limited', error.detail, { retryAfterSeconds: error.retryAfterSeconds ?? 10 });
    }
  }

  private eventIdOf(clientId: string, id: string | undefined, idempotencyKey: string | undefined): string {
    if (id !== undefined) return canonicalUuid(id) ?? uuidV5(clientId, `addEvent:${id}`);
    return idempotencyKey === undefined ? this.runtime.newId() : uuidV5(clientId, idempotencyKey);
  }
}
