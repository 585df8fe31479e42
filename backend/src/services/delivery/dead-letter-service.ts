import { AppError } from '../../errors';
import type { Destination } from '../../interfaces/destination';
import type { DeliveryQuery, EventStore, Page } from '../../interfaces/event-store';
import type { Runtime } from '../../interfaces/runtime';
import type { DeliveryView, EventView } from '../../types/delivery';
import { replayVerdict, type ReplayVerdict } from './replay-verdict';

export interface DeadLetterServiceParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  /** The destinations as configured now. */
  readonly destinations: () => readonly Destination[];
  /** Something may be due for this destination. */
  readonly nudge: (destination: string) => void;
}

export type DeliveryFilter = Omit<DeliveryQuery, 'limit' | 'cursor'>;

export interface ReplayRequest {
  /** Its status is `dead` or, only with `force`, `delivered`. */
  readonly filter: DeliveryFilter & { readonly status: 'dead' | 'delivered' };
  /** Only counts. */
  readonly isDryRun: boolean;
  /** Sends also what the destination would refuse as too old or count twice, and what is delivered. */
  readonly force: boolean;
  readonly actor: string;
}

export interface ReplayReport {
  readonly matched: number;
  /** Of those, how many the destination would refuse by its age, and how many it would count twice: left alone without `force`. */
  readonly tooOld: number;
  readonly countsTwice: number;
  readonly replayed: number;
}

export interface DiscardRequest {
  readonly filter: DeliveryFilter & { readonly status: 'dead' | 'pending' };
  readonly isDryRun: boolean;
  readonly reason: string;
  readonly actor: string;
}

/** One event, by whom: `clientId` tells apart two clients' events of one id. */
export interface EventChoice {
  readonly eventId: string;
  readonly clientId: string | undefined;
  /** Only its delivery for this destination. */
  readonly destination: string | undefined;
  readonly actor: string;
}

const CHUNK = 200;

/** Deliveries that ended badly, or shall end without being sent: listing them, sending them again, putting them aside. Each act is recorded with who did it. */
export class DeadLetterService {
  constructor(private readonly parts: DeadLetterServiceParts) {}

  /** Newest created first. */
  list(query: DeliveryQuery): Promise<Page<DeliveryView>> {
    return this.parts.store.listDeliveries(query);
  }

  /** Sends again whatever matches, however many, in chunks between which others get their turn; stops at the next chunk when `until` aborts. */
  async replay({ filter, isDryRun, force, actor }: ReplayRequest, until: AbortSignal): Promise<ReplayReport> {
    const { store, runtime } = this.parts;
    if (filter.status === 'delivered' && !force && !isDryRun) {
      throw new AppError('invalid_state', 'Delivered events are sent again only with "force": true.');
    }
    if (!isDryRun) {
      const detail = `asked for: ${JSON.stringify(filter)}${force ? ' with force' : ''}`;
      await store.recordAction({ at: runtime.now(), actor, action: 'replay', detail });
    }
    const report = { matched: 0, tooOld: 0, countsTwice: 0, replayed: 0 };
    for await (const deliveries of this.chunks(filter, until)) {
      const judged = deliveries.map((delivery) => ({ delivery, verdict: this.verdictOf(delivery) }));
      report.matched += judged.length;
      report.tooOld += judged.filter(({ verdict }) => verdict === 'too_old').length;
      report.countsTwice += judged.filter(({ verdict }) => verdict === 'counts_twice').length;
      const chosen = judged.filter(({ verdict }) => force || verdict === 'replayable');
      if (!isDryRun) {
        const moving = chosen.map(({ delivery }) => delivery);
        report.replayed += await this.move(moving, [filter.status], actor);
      }
    }
    return report;
  }

  /** Puts dead or pending deliveries aside for good. Returns how many matched and how many were moved. */
  async discard(
    { filter, isDryRun, reason, actor }: DiscardRequest,
    until: AbortSignal,
  ): Promise<{ readonly matched: number; readonly discarded: number }> {
    const { store, runtime } = this.parts;
    const report = { matched: 0, discarded: 0 };
    if (!isDryRun) {
      const detail = `asked for: ${JSON.stringify(filter)}; ${reason}`;
      await store.recordAction({ at: runtime.now(), actor, action: 'discard', detail });
    }
    for await (const deliveries of this.chunks(filter, until)) {
      report.matched += deliveries.length;
      if (isDryRun) continue;
      const deliveryIds = deliveries.map(({ deliveryId }) => deliveryId);
      report.discarded += await store.discard({ deliveryIds, at: runtime.now(), from: [filter.status], actor, reason });
    }
    return report;
  }

  /** Sends one event again: what is dead of it or, with `force`, delivered. Throws `not_found`, and `invalid_state` saying why not. */
  async replayEvent(choice: EventChoice, force: boolean): Promise<{ view: EventView; replayed: number }> {
    const deliveries = await this.deliveriesOf(choice);
    const from = force ? (['dead', 'delivered'] as const) : (['dead'] as const);
    const ended = deliveries.filter(({ status }) => from.some((allowed) => allowed === status));
    const chosen = ended.filter((delivery) => force || this.verdictOf(delivery) === 'replayable');
    if (chosen.length === 0) throw new AppError('invalid_state', this.whyNot(deliveries));
    const replayed = await this.move(chosen, from, choice.actor);
    return { view: await this.find(choice), replayed };
  }

  /**
   * Puts the dead and the pending deliveries of one event aside for good. Throws `not_found`, and `invalid_state` when there
   * is none of either.
   */
  async discardEvent(choice: EventChoice, reason: string): Promise<{ view: EventView; discarded: number }> {
    const { store, runtime } = this.parts;
    const deliveryIds = (await this.deliveriesOf(choice)).map(({ deliveryId }) => deliveryId);
    // The store decides by the state of that moment: a worker may claim one between a look and the act.
    const from = ['dead', 'pending'] as const;
    const discarded = await store.discard({ deliveryIds, at: runtime.now(), from, actor: choice.actor, reason });
    if (discarded === 0) throw new AppError('invalid_state', whyNotDiscarded(await this.deliveriesOf(choice)));
    return { view: await this.find(choice), discarded };
  }

  private async *chunks(filter: DeliveryFilter, until: AbortSignal): AsyncGenerator<readonly DeliveryView[]> {
    let cursor: string | null = null;
    do {
      const page: Page<DeliveryView> = await this.parts.store.listDeliveries({
        ...filter,
        limit: CHUNK,
        ...(cursor !== null && { cursor }),
      });
      yield page.data;
      cursor = page.nextCursor;
      await this.parts.runtime.turn();
    } while (cursor !== null && !until.aborted);
  }

  private async move(
    deliveries: readonly DeliveryView[],
    from: readonly ('dead' | 'delivered')[],
    actor: string,
  ): Promise<number> {
    if (deliveries.length === 0) return 0;
    const deliveryIds = deliveries.map(({ deliveryId }) => deliveryId);
    const moved = await this.parts.store.replay({ deliveryIds, at: this.parts.runtime.now(), from, actor });
    for (const destination of new Set(deliveries.map((delivery) => delivery.destination))) {
      this.parts.nudge(destination);
    }
    return moved;
  }

  private async find({ eventId, clientId }: EventChoice): Promise<EventView> {
    const view = await this.parts.store.find({ eventId, clientId: clientId ?? null });
    if (view === null) throw new AppError('not_found', 'There is no such event.');
    return view;
  }

  private async deliveriesOf(choice: EventChoice): Promise<readonly DeliveryView[]> {
    const { eventId, clientId, destination } = choice;
    const { deliveries } = await this.find(choice);
    const { data } = await this.parts.store.listDeliveries({ eventId, limit: CHUNK });
    const owners = [...new Set(data.map((delivery) => delivery.clientId))];
    if (clientId === undefined && owners.length > 1) {
      const detail = `must name one of ${owners.slice(0, 10).join(', ')}: each has an event with this id`;
      throw new AppError('validation_failed', `client_id ${detail}.`, { errors: [{ pointer: '/client_id', detail }] });
    }
    return deliveries.filter((delivery) => destination === undefined || delivery.destination === destination);
  }

  private verdictOf(delivery: DeliveryView): ReplayVerdict {
    const destination = this.parts.destinations().find(({ name }) => name === delivery.destination);
    return replayVerdict(delivery, destination?.contract ?? null, this.parts.runtime.now());
  }

  private whyNot(deliveries: readonly DeliveryView[]): string {
    for (const delivery of deliveries.filter(({ status }) => status === 'dead')) {
      const wouldRefuse = this.verdictOf(delivery) === 'too_old';
      const what = wouldRefuse
        ? 'would refuse it: the event is too old for it'
        : 'may have taken it before and no longer recognises a repeat: it would count twice';
      return `${delivery.destination} ${what}. Send { "force": true } to replay it all the same.`;
    }
    return `Only a dead delivery is sent again, a delivered one with { "force": true }; ${standings(deliveries)}.`;
  }
}

function whyNotDiscarded(deliveries: readonly DeliveryView[]): string {
  const rule = `Only a dead or a pending delivery can be discarded; ${standings(deliveries)}.`;
  const sending = deliveries.find(({ status }) => status === 'delivering')?.destination;
  if (sending === undefined) return rule;
  return (
    `${rule} An attempt is under way: discard it once that has ended. ` +
    `POST /destinations/${sending}/pause keeps the next one from starting.`
  );
}

function standings(deliveries: readonly DeliveryView[]): string {
  if (deliveries.length === 0) return 'here there is no delivery';
  return deliveries.map(({ destination, status }) => `${destination} is ${status}`).join(', ');
}
