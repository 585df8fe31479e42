import type { EventDirectory } from '../../interfaces/event-directory';
import type { SourcePolicy } from '../../interfaces/source-policy';
import type { UserDirectory } from '../../interfaces/user-directory';
import type { SourceClient } from './source-client';
import { readEvent, readEvents, readUser, readUsers } from './source-schemas';

/** The reads of the external event API over HTTP. */
export function createEventApi(
  client: SourceClient,
  policies: { readonly users: SourcePolicy; readonly events: SourcePolicy },
): UserDirectory & EventDirectory {
  const { users, events } = policies;
  return {
    fetchUsers: (call) => client.get('/getUsers', users, call, readUsers),
    fetchUser: (userId, call) =>
      client.get(`/getUserById/${encodeURIComponent(userId)}`, users, call, (body) => readUser(userId, body)),
    fetchEvents: (call) => client.get('/getEvents', events, call, readEvents),
    fetchEvent: (eventId, call) =>
      client.get(`/getEventById/${encodeURIComponent(eventId)}`, events, call, (body) => readEvent(eventId, body)),
  };
}
