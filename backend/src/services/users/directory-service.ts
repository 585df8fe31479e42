import { AppError } from '../../errors';
import type { DirectoryEvent, DirectoryUser } from '../../types/user';
import { deadline, drainInputFirst } from '../resilience/deadline';
import type { BatchCaller } from './batch-service';
import { CachedSource, type CachedSourceParts, DEADLINE, type SourceReading } from './cached-source';
import type { Ask } from './source-retry';

export interface DirectoryServiceParts extends Omit<CachedSourceParts, 'stopping'> {
  readonly directory: {
    readonly users: Ask<readonly DirectoryUser[]>;
    readonly user: Ask<DirectoryUser>;
    readonly events: Ask<readonly DirectoryEvent[]>;
    readonly event: Ask<DirectoryEvent>;
  };
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
      users: new CachedSource('directory-users', listOf(directory.users), behind),
      events: new CachedSource('directory-events', listOf(directory.events), behind),
    };
    this.entries = {
      user: new CachedSource('directory-user', directory.user, behind),
      event: new CachedSource('directory-event', directory.event, behind),
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

  async event(eventId: string, caller: BatchCaller): Promise<DirectoryAnswer<DirectoryEvent>> {
    // The ids in a user's list come from the API itself and may be anything.
    if (!isPathSegment(eventId)) throw unavailable('event', 'unusable_id');
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
    const limit = deadline(drainInputFirst(this.parts.runtime), this.parts.deadlineMs, caller.signal, DEADLINE);
    try {
      return answerOf(await source.read(id, { ...caller, maxAgeMs: null, signal: limit.signal }), what);
    } finally {
      limit.clear();
    }
  }
}

function answerOf<T>({ value, ageMs, status, code }: SourceReading<T>, what: string): DirectoryAnswer<T> {
  if (value !== null && ageMs !== null) return { value, ageMs, isStale: status === 'stale' };
  if (ageMs !== null) throw new AppError('not_found', `There is no ${what} with this id.`);
  throw unavailable(what, code ?? 'unknown');
}

function unavailable(what: string, code: string): AppError {
  const detail = `The ${what} cannot be had from the external event API (${code}).`;
  return new AppError('upstream_unavailable', detail, { retryAfterSeconds: 5 });
}

/** A list may be empty, but not absent: who says so is not the API that was meant. */
function listOf<T>(ask: Ask<T>): Ask<T> {
  return async (id, call) => {
    const answer = await ask(id, call);
    return answer.kind === 'absent' ? { kind: 'failed', code: 'http_404', attempts: answer.attempts } : answer;
  };
}

/** Whether it stands in a path as what it is: dots would lead elsewhere, and half a character has no encoding. */
function isPathSegment(id: string): boolean {
  return id !== '' && id !== '.' && id !== '..' && !/\p{Surrogate}/u.test(id);
}
