import type {
  SourceReport,
  UserAnalytics,
  UserPosts,
  UserProfile,
  UserSourceName,
  UserSummary,
} from '../../types/user';
import { DEADLINE, type SourceReading } from './cached-source';

export interface UserReadings {
  readonly profile: SourceReading<UserProfile>;
  readonly posts: SourceReading<UserPosts>;
  /** Null when the caller did not want it. */
  readonly analytics: SourceReading<UserAnalytics> | null;
}

/** Why a user has no profile; null when there is one. */
export type UserFailure = 'absent' | 'deadline' | 'upstream' | null;

/** Puts the parts together, saying of each where it comes from. */
export function toUserSummary(userId: string, readings: UserReadings): UserSummary {
  const { profile, posts, analytics } = readings;
  const sources: Record<UserSourceName, SourceReport> = {
    profile: reportOf(profile),
    posts: reportOf(posts),
    analytics: analytics === null ? { status: 'skipped', attempts: 0, ageMs: null } : reportOf(analytics),
  };
  if (profile.value === null) {
    return { userId, profile: null, summary: null, error: errorOf(profile), sources };
  }
  const { joinedAt, status } = profile.value;
  return {
    userId,
    profile: profile.value,
    summary: {
      totalPosts: posts.value?.total ?? 0,
      avgEngagement: analytics?.value?.avgEngagement ?? 0,
      lastActiveAt: analytics?.value?.lastActiveAt ?? posts.value?.newestAt ?? joinedAt,
      status,
    },
    sources,
  };
}

export function failureOf({ profile }: UserReadings): UserFailure {
  if (profile.value !== null) return null;
  if (profile.ageMs !== null) return 'absent';
  return profile.code === DEADLINE ? 'deadline' : 'upstream';
}

/** Whether every part that was wanted is there, old or new. */
export function isComplete({ sources }: UserSummary): boolean {
  return Object.values(sources).every(({ status }) => status !== 'missing' && status !== 'failed');
}

/** Whether the deadline came before some part. */
export function isLate({ sources }: UserSummary): boolean {
  return Object.values(sources).some(({ status, ageMs }) => status === 'missing' && ageMs === null);
}

function reportOf({ status, attempts, ageMs }: SourceReading<unknown>): SourceReport {
  return { status, attempts, ageMs };
}

function errorOf({ ageMs, code, attempts }: SourceReading<unknown>): string {
  if (ageMs !== null) return 'There is no user with this id.';
  if (code === DEADLINE) return 'The profile could not be had in time.';
  return `The profile could not be had: ${code ?? 'unknown'} after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}.`;
}
