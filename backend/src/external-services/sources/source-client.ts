import type { SourceRequest, SourceResponse, UserDirectory, UserSources } from '../../interfaces/user-sources';
import type { UserSourceName } from '../../types/user';
import type { UpstreamCounts } from '../../interfaces/upstream-counts';
import type { OutboundProxy } from '../http/outbound-proxy';
import { agentsFor } from '../http/upstream-agents';
import { UpstreamClient } from '../http/upstream-client';
import {
  type Note,
  readAnalytics,
  readEvent,
  readEvents,
  readPosts,
  readProfile,
  readUser,
  readUsers,
} from './source-answers';

export interface SourceClientOptions {
  /** What its counters are under: `user-api.profile`, … */
  readonly source: string;
  readonly baseUrl: string;
  readonly maxSockets: number;
  readonly proxy?: OutboundProxy | null;
  readonly counts: UpstreamCounts;
}

/** Sends requests to one source over HTTP. Whether a request is sent again is not decided here. */
export class SourceClient {
  private readonly client: UpstreamClient;
  private readonly note: Note;

  constructor(private readonly options: SourceClientOptions) {
    const { source, baseUrl, maxSockets, counts, proxy = null } = options;
    this.note = (conversion) => counts.converted(source, conversion);
    this.client = new UpstreamClient({
      maxSockets,
      agents: agentsFor(baseUrl, { maxSockets, proxy }),
      onRepeat: () => counts.repeated(source),
      onConversion: this.note,
    });
  }

  /**
   * One request. `path` begins with a slash and holds only ids that were checked; `read` reads the body of a 2xx and never throws.
   */
  async get<T>(
    path: string,
    { signal, requestId }: SourceRequest,
    read: (body: Buffer, note: Note) => SourceResponse<T>,
  ): Promise<SourceResponse<T>> {
    const url = this.options.baseUrl + path;
    const answer = await this.client.call({ method: 'GET', url, headers: { 'X-Request-Id': requestId }, signal });
    if (answer.kind === 'failure') return failed(answer.code);
    const { status, headers, body, bodyFault } = answer;
    if (status >= 200 && status < 300) return bodyFault === undefined ? read(body, this.note) : failed(bodyFault);
    if (status === 404) return { kind: 'not_found' };
    return {
      kind: 'failed',
      code: `http_${String(status)}`,
      isRetryable: status >= 500 || status === 408 || status === 429,
      retryAfter: headers['retry-after'] ?? null,
    };
  }

  close(): void {
    this.client.close();
  }
}

/** The user API: three sources, each with sockets of its own. */
export function createUserApi(clients: Readonly<Record<UserSourceName, SourceClient>>): UserSources {
  const path = (userId: string, source: UserSourceName): string => `/api/users/${encodeURIComponent(userId)}/${source}`;
  return {
    profile: (userId, request) =>
      clients.profile.get(path(userId, 'profile'), request, (body, note) => readProfile(userId, body, note)),
    posts: (userId, request) =>
      clients.posts.get(path(userId, 'posts'), request, (body, note) => readPosts(userId, body, note)),
    analytics: (userId, request) =>
      clients.analytics.get(path(userId, 'analytics'), request, (body, note) => readAnalytics(userId, body, note)),
  };
}

/** The reads of the external event API. */
export function createEventApi(clients: Readonly<Record<'users' | 'events', SourceClient>>): UserDirectory {
  const { users, events } = clients;
  return {
    users: (request) => users.get('/getUsers', request, readUsers),
    user: (userId, request) =>
      users.get(`/getUserById/${encodeURIComponent(userId)}`, request, (body, note) => readUser(userId, body, note)),
    events: (request) => events.get('/getEvents', request, readEvents),
    event: (eventId, request) =>
      events.get(`/getEventById/${encodeURIComponent(eventId)}`, request, (body, note) =>
        readEvent(eventId, body, note),
      ),
  };
}

/** What did not come whole may come whole the next time; what is too large, or in a coding that nobody here knows, will be so again. */
function failed(code: string): SourceResponse<never> {
  const isRetryable = code !== 'answer_too_large' && code !== 'coding_unknown';
  return { kind: 'failed', code, isRetryable, retryAfter: null };
}
