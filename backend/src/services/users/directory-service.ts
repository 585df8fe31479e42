import { AppError } from '../../errors';
import type { EventDirectory } from '../../interfaces/event-directory';
import type { UserDirectory } from '../../interfaces/user-directory';
import type { DirectoryEvent, DirectoryUser } from '../../types/user';
import { deadline } from '../resilience/deadline';
import type { BatchCaller } from './batch-service';
import { CachedSource, type CachedSourceParts, DEADLINE, type Reading } from './cached-source';
import { patientClock } from './patient-clock';

export interface DirectoryServiceParts extends Omit<CachedSourceParts, 'stopping'> {
  readonly directory: UserDirectory & EventDirectory;
}

/** What the directory says, and how old that is. */
export interface DirectoryAnswer<T> {
  readonly value: T;
  readonly ageMs: number;
  /** Older than it should be, because the directory could not be asked. */
  readonly isStale: boolean;
}

/** The whole list has no id. */
const ALL = '';

/**
 * Reads of the external event API, cached. Each throws `not_found` for an unknown id, and `upstream_unavailable` when the API cannot be had
 * and nothing is kept.
 */
export class DirectoryService {
  private readonly lists: {
    users: CachedSource<readonly DirectoryUser[]>;
    events: CachedSource<readonly DirectoryEvent[]>;
  };
  private readonly entries: { user: CachedSource<DirectoryUser>; event: CachedSource<DirectoryEvent> };
  private readonly stopping = new AbortController();

  constructor(private readonly parts: DirectoryServiceParts) {
    const { directory } = parts;
    const behind = { ...parts, stopping: this.stopping.signal };
    this.lists = {
      users: new CachedSource('directory-users', (_id, call) => directory.fetchUsers(call), behind),
      events: new CachedSource('directory-events', (_id, call) => directory.fetchEvents(call), behind),
    };
    this.entries = {
      user: new CachedSource('directory-user', (id, call) => directory.fetchUser(id, call), behind),
      event: new CachedSource('directory-event', (id, call) => directory.fetchEvent(id, call), behind),
    };
  }

  users(caller: BatchCaller): Promise<DirectoryAnswer<readonly DirectoryUser[]>> {
    return this.read(this.lists.users, ALL, caller, 'list of users');
  }

  user(userId: string, caller: BatchCaller): Promise<DirectoryAnswer<DirectoryUser>> {
    return this.read(this.entries.user, userId, caller, 'user');
  }

  events(caller: BatchCaller): Promise<DirectoryAnswer<readonly DirectoryEvent[]>> {
    return this.read(this.lists.events, ALL, caller, 'list of events');
  }

  event(eventId: string, caller: BatchCaller): Promise<DirectoryAnswer<DirectoryEvent>> {
    return this.read(this.entries.event, eventId, caller, 'event');
  }

  /** Ends what is being asked anew behind. */
  stop(): void {
    this.stopping.abort('shutdown');
  }

  private async read<T>(
    source: CachedSource<T>,
    id: string,
    caller: BatchCaller,
    what: string,
  ): Promise<DirectoryAnswer<T>> {
    const limit = deadline(patientClock(this.parts.runtime), this.parts.deadlineMs, caller.signal, DEADLINE);
    try {
      return answerOf(await source.read(id, { ...caller, maxAgeMs: null, signal: limit.signal }), what);
    } finally {
      limit.clear();
    }
  }
}

function answerOf<T>({ value, ageMs, status, code }: Reading<T>, what: string): DirectoryAnswer<T> {
  if (value !== null && ageMs !== null) return { value, ageMs, isStale: status === 'stale' };
  if (ageMs !== null) throw new AppError('not_found', `There is no ${what} with this id.`);
  throw new AppError(
    'upstream_unavailable',
    `The ${what} cannot be had from the external event API (${code ?? 'unknown'}).`,
    {
      retryAfterSeconds: 5,
    },
  );
}
