import type { DirectoryEvent } from '../types/user';
import type { SourceAnswer, SourceCall } from './user-sources';

/** The list of events that the external event API keeps. Ids are checked by the caller. No call ever rejects. */
export interface EventDirectory {
  fetchEvents(call: SourceCall): Promise<SourceAnswer<readonly DirectoryEvent[]>>;
  fetchEvent(eventId: string, call: SourceCall): Promise<SourceAnswer<DirectoryEvent>>;
}
