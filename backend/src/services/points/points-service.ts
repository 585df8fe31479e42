import type { EventStore } from '../../interfaces/event-store';
import type { Catalogue } from '../events/catalogue';

export interface UserPoints {
  readonly userId: string;
  readonly points: number;
  readonly events: readonly { readonly name: string; readonly count: number; readonly points: number }[];
}

/** Points are counted with the commit that accepts an event, and valued here, with what the catalogue says now. */
export class PointsService {
  constructor(
    private readonly store: EventStore,
    private readonly catalogue: Catalogue,
  ) {}

  /** A user that nothing is known of has none. A name that has left the catalogue counts 0. */
  async pointsOf(userId: string): Promise<UserPoints> {
    const counts = await this.store.events.points(userId);
    const events = counts
      .map(({ eventName: name, count }) => ({ name, count, points: count * (this.catalogue.find(name)?.points ?? 0) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return { userId, points: events.reduce((sum, { points }) => sum + points, 0), events };
  }
}
