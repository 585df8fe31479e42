import type { EventStore } from '../../interfaces/event-store';
import type { Catalogue } from '../events/catalogue';

export interface UserPoints {
  readonly userId: string;
  readonly points: number;
  readonly events: readonly { readonly name: string; readonly count: number; readonly points: number }[];
}

/**
 * The commit that accepts an event counts its points; this service values the counts by the present
 * catalogue.
 */
export class PointsService {
  constructor(
    private readonly store: EventStore,
    private readonly catalogue: Catalogue,
  ) {}

  /** An unknown user has no points. A name that is no longer in the catalogue counts 0. */
  async pointsOf(userId: string): Promise<UserPoints> {
    const counts = await this.store.points(userId);
    const events = counts
      .map(({ eventName: name, count }) => ({ name, count, points: count * (this.catalogue.find(name)?.points ?? 0) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return { userId, points: events.reduce((sum, { points }) => sum + points, 0), events };
  }
}
