/** Where the sources are asked: the paths of the user API and of the external event API. */
import type { UserDirectory, UserSources } from '../../interfaces/user-sources';
import type { UserSourceName } from '../../types/user';
import { readAnalytics, readEvent, readEvents, readPosts, readProfile, readUser, readUsers } from './source-answers';
import type { SourceClient } from './source-client';

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
