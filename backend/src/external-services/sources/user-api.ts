import type { SourcePolicy } from '../../interfaces/source-policy';
import type { SourceCall, UserSources } from '../../interfaces/user-sources';
import type { UserSourceName } from '../../types/user';
import type { SourceClient } from './source-client';
import { readAnalytics, readPosts, readProfile } from './source-answers';

/** The user API over HTTP: three sources, each asked by rules of its own. */
export function createUserApi(
  client: SourceClient,
  policies: Readonly<Record<UserSourceName, SourcePolicy>>,
): UserSources {
  const request = (source: UserSourceName, userId: string, call: SourceCall) => ({
    source: `user-api.${source}`,
    path: `/api/users/${encodeURIComponent(userId)}/${source}`,
    policy: policies[source],
    call,
  });
  return {
    fetchProfile: (userId, call) =>
      client.get({ ...request('profile', userId, call), read: (body, note) => readProfile(userId, body, note) }),
    fetchPosts: (userId, call) =>
      client.get({ ...request('posts', userId, call), read: (body, note) => readPosts(userId, body, note) }),
    fetchAnalytics: (userId, call) =>
      client.get({ ...request('analytics', userId, call), read: (body, note) => readAnalytics(userId, body, note) }),
  };
}
