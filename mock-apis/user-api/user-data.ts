import { createRandom, pick } from '../random';

interface Profile {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly joinedAt: string;
  readonly status: 'active' | 'inactive' | 'suspended';
}

interface Post {
  readonly id: string;
  readonly userId: string;
  readonly title: string;
  readonly content: string;
  readonly createdAt: string;
}

interface Analytics {
  readonly userId: string;
  readonly avgEngagement: number;
  readonly lastActiveAt: string;
  readonly totalViews: number;
}

interface UserData {
  readonly profile: Profile;
  readonly posts: readonly Post[];
  readonly analytics: Analytics;
}

interface Source {
  readonly name: string;
  readonly status: Profile['status'];
  readonly joinedAt: string;
  readonly posts: readonly (readonly [title: string, createdAt: string])[];
  readonly avgEngagement: number;
  readonly lastActiveAt: string;
  readonly totalViews: number;
}

function userData(id: string, source: Source): UserData {
  const { name, status, joinedAt, avgEngagement, lastActiveAt, totalViews } = source;
  const email = `${name.toLowerCase().replace(/[^a-z0-9]+/g, '.')}@example.com`;
  const posts = source.posts.map(([title, createdAt], index) => ({
    id: `${id}-post-${index + 1}`,
    userId: id,
    title,
    content: `${title}, told by ${name}.`,
    createdAt,
  }));
  return {
    profile: { id, name, email, joinedAt, status },
    posts,
    analytics: { userId: id, avgEngagement, lastActiveAt, totalViews },
  };
}

const known: Readonly<Record<string, Source>> = {
  user1: {
    name: 'Alice Johnson',
    status: 'active',
    joinedAt: '2023-01-15T10:30:00.000Z',
    posts: [
      ['First weeks with the product', '2024-01-10T09:00:00.000Z'],
      ['What I measured in spring', '2024-05-02T16:45:00.000Z'],
    ],
    avgEngagement: 4.2,
    lastActiveAt: '2024-06-20T14:22:00.000Z',
    totalViews: 1840,
  },
  user2: {
    name: 'Bob Smith',
    status: 'active',
    joinedAt: '2023-03-22T08:05:00.000Z',
    posts: [['A campaign in numbers', '2024-02-18T11:30:00.000Z']],
    avgEngagement: 3.8,
    lastActiveAt: '2024-06-18T07:50:00.000Z',
    totalViews: 960,
  },
  user3: {
    name: 'Charlie Brown',
    status: 'inactive',
    joinedAt: '2022-11-08T19:40:00.000Z',
    posts: [],
    avgEngagement: 1.2,
    lastActiveAt: '2023-12-01T12:00:00.000Z',
    totalViews: 85,
  },
  user4: {
    name: 'Diana Prince',
    status: 'active',
    joinedAt: '2023-06-30T13:15:00.000Z',
    posts: [
      ['Notes from the fair', '2024-04-11T08:20:00.000Z'],
      ['Five questions from readers', '2024-06-01T18:10:00.000Z'],
    ],
    avgEngagement: 5.1,
    lastActiveAt: '2024-06-21T21:05:00.000Z',
    totalViews: 4210,
  },
  user5: {
    name: 'Eve Wilson',
    status: 'suspended',
    joinedAt: '2023-09-12T06:55:00.000Z',
    posts: [['On unusual offers', '2023-10-30T15:35:00.000Z']],
    avgEngagement: 2.9,
    lastActiveAt: '2024-01-05T10:10:00.000Z',
    totalViews: 310,
  },
};

const knownUsers: ReadonlyMap<string, UserData> = new Map(
  Object.entries(known).map(([id, source]) => [id, userData(id, source)]),
);

const firstNames = ['Ana', 'Bram', 'Chidi', 'Dora', 'Emil', 'Fatima', 'Goran', 'Hana'] as const;
const lastNames = ['Adler', 'Brandt', 'Costa', 'Dvorak', 'Eklund', 'Fischer', 'Garcia', 'Horvat'] as const;
const SYNTHETIC_EPOCH = Date.UTC(2023, 0, 1);
const DAY_MS = 86_400_000;

/**
 * Everything about it follows from its id, so that it is the same on every call and in every
 * process.
 */
function syntheticUser(id: string): UserData {
  const random = createRandom(0, id);
  const day = (from: number, days: number): number => from + Math.floor(random() * days) * DAY_MS;
  const joinedAt = day(SYNTHETIC_EPOCH, 365);
  const posts = Array.from({ length: Math.floor(random() * 6) }, (_, index) => {
    const createdAt = new Date(joinedAt + (index + 1) * 30 * DAY_MS).toISOString();
    return [`Post ${index + 1} of ${id}`, createdAt] as const;
  });
  return userData(id, {
    name: `${pick(firstNames, random())} ${pick(lastNames, random())} ${id}`,
    status: pick(['active', 'active', 'active', 'inactive', 'suspended'] as const, random()),
    joinedAt: new Date(joinedAt).toISOString(),
    posts,
    avgEngagement: Math.floor(random() * 60) / 10,
    lastActiveAt: new Date(day(joinedAt + 200 * DAY_MS, 100)).toISOString(),
    totalViews: Math.floor(random() * 5000),
  });
}

/** What there is about a user, or null when there is no such user. */
export function findUser(id: string, hasSyntheticUsers: boolean): UserData | null {
  const user = knownUsers.get(id);
  if (user !== undefined) return user;
  return hasSyntheticUsers && /^(user|u)-?\d{1,32}$/.test(id) ? syntheticUser(id) : null;
}
