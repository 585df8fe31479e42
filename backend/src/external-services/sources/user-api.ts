import type { SourcePolicy } from '../../interfaces/source-policy';
import type { UserSources } from '../../interfaces/user-sources';
import type { UserSourceName } from '../../types/user';
import type { SourceClient } from './source-client';
import { readAnalytics, readPosts, readProfile } from './source-schemas';

/** The user API over HTTP: three sources, each asked by rules of its own. */
export function createUserApi(
  client: SourceClient,
  policies: Readonly<Record<UserSourceName, SourcePolicy>>,
): UserSources {
  const path = (userId: string, source: UserSourceName): string => `/api/users/${encodeURIComponent(userId)}/${source}`;
  return {
    fetchProfile: (userId, call) =>
      client.get(path(userId, 'profile'), policies.profile, call, (body) => readProfile(userId, body)),
    fetchPosts: (userId, call) => client.get(path(userId, 'posts'), policies.posts, call, readPosts),
    fetchAnalytics: (userId, call) =>
      client.get(path(userId, 'analytics'), policies.analytics, call, (body) => readAnalytics(userId, body)),
  };
}
