import type { EventDirectory } from '../../interfaces/event-directory';
import type { SourcePolicy } from '../../interfaces/source-policy';
import type { UserDirectory } from '../../interfaces/user-directory';
import type { SourceAnswer, SourceCall } from '../../interfaces/user-sources';
import type { SourceClient } from './source-client';
import { readEvent, readEvents, readUser, readUsers } from './source-answers';

/** The reads of the external event API over HTTP. */
export function createEventApi(
  client: SourceClient,
  policies: { readonly users: SourcePolicy; readonly events: SourcePolicy },
): UserDirectory & EventDirectory {
  const request = (of: 'users' | 'events', path: string, call: SourceCall) => ({
    source: `event-api.${of}`,
    path,
    policy: policies[of],
    call,
  });
  return {
    fetchUsers: async (call) => listOf(await client.get({ ...request('users', '/getUsers', call), read: readUsers })),
    fetchUser: (userId, call) =>
      client.get({
        ...request('users', `/getUserById/${encodeURIComponent(userId)}`, call),
        read: (body, note) => readUser(userId, body, note),
      }),
    fetchEvents: async (call) =>
      listOf(await client.get({ ...request('events', '/getEvents', call), read: readEvents })),
    fetchEvent: async (eventId, call) => {
      // The ids in a user's list come from the API itself and may be anything.
      if (!isPathSegment(eventId)) return { kind: 'failed', code: 'unusable_id', attempts: 0 };
      return client.get({
        ...request('events', `/getEventById/${encodeURIComponent(eventId)}`, call),
        read: (body, note) => readEvent(eventId, body, note),
      });
    },
  };
}

/** Whether it stands in a path as what it is: dots would lead elsewhere, and half a character has no encoding. */
function isPathSegment(id: string): boolean {
  return id !== '' && id !== '.' && id !== '..' && !/\p{Surrogate}/u.test(id);
}

/** A list may be empty, but not absent: who says so is not the API that was meant. */
function listOf<T>(answer: SourceAnswer<T>): SourceAnswer<T> {
  return answer.kind === 'absent' ? { kind: 'failed', code: 'http_404', attempts: answer.attempts } : answer;
}
