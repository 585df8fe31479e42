import type { Conversion } from '../../interfaces/upstream-counts';
import { readAnalytics, readEvent, readEvents, readPosts, readProfile, readUser, readUsers } from './source-answers';

const profile = { id: 'u1', name: 'A', email: 'a@b.c', joinedAt: '2023-01-15T10:30:00Z', status: 'active' };
const noted: Conversion[] = [];
const note = (kind: Conversion) => void noted.push(kind);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const found = (value: unknown) => ({ kind: 'found', value });
const unreadable = { kind: 'failed', code: 'unreadable', isRetryable: true };
beforeEach(() => (noted.length = 0));

describe('a profile', () => {
  const read = (data: unknown, userId = 'u1') => readProfile(userId, json({ data, status: 200 }), note);

  it('is read as it came, and nothing is counted', () => {
    expect(read({ ...profile, more: { a: 1 } })).toEqual(found(profile));
    expect(noted).toEqual([]);
  });

  it('needs no more than its id', () => {
    const nothing = { name: null, email: null, joinedAt: null, status: null };
    expect(read({ id: 'u1' })).toEqual(found({ id: 'u1', ...nothing }));
    expect(read({ id: 'u1', ...nothing })).toEqual(found({ id: 'u1', ...nothing }));
    expect(noted).toEqual([]);
    for (const id of [undefined, null, '', {}, true, 1.5]) expect(read({ ...profile, id })).toMatchObject(unreadable);
  });

  it.each<[string, object, object, Conversion]>([
    [
      'a time in milliseconds',
      { joinedAt: 1_673_778_600_123 },
      { joinedAt: '2023-01-15T10:30:00.123Z' },
      'time_to_text',
    ],
    ['a time in seconds', { joinedAt: 1_673_778_600 }, { joinedAt: '2023-01-15T10:30:00.000Z' }, 'time_to_text'],
    [
      'a time in seconds, as text',
      { joinedAt: '1673778600' },
      { joinedAt: '2023-01-15T10:30:00.000Z' },
      'time_to_text',
    ],
    ['a time before 1970', { joinedAt: -86_400 }, { joinedAt: '1969-12-31T00:00:00.000Z' }, 'time_to_text'],
    ['no time', { joinedAt: 'yesterday' }, { joinedAt: null }, 'field_ignored'],
    ['a day that is none', { joinedAt: '2023-99-99' }, { joinedAt: null }, 'field_ignored'],
    ['a time out of reach', { joinedAt: 1e300 }, { joinedAt: null }, 'field_ignored'],
    ['a number for a name', { name: 7 }, { name: '7' }, 'number_to_text'],
    ['a flag for a status', { status: true }, { status: 'true' }, 'number_to_text'],
    ['an object for a name', { name: { first: 'A' } }, { name: null }, 'field_ignored'],
    ['a long name', { name: 'x'.repeat(1_000) }, { name: 'x'.repeat(256) }, 'text_cut'],
  ])('with %s', (_what, given, expected, kind) => {
    expect(read({ ...profile, ...given })).toEqual(found({ ...profile, ...expected }));
    expect(noted).toEqual([kind]);
  });

  it('has an id that may be a number, also one of 64 bits', () => {
    expect(read({ ...profile, id: 7 }, '7')).toEqual(found({ ...profile, id: '7' }));
    expect(noted).toEqual(['number_to_text']);
    const long = `{"id":9223372036854775807,"name":"no 9223372036854775807 here \\"1234567890123456789","status":0.12345678901234567890}`;
    expect(readProfile('9223372036854775807', Buffer.from(long), note)).toMatchObject(
      found({
        id: '9223372036854775807',
        name: 'no 9223372036854775807 here "1234567890123456789',
        status: '0.12345678901234568',
      }),
    );
    expect(read({ ...profile, id: 7 }, '8')).toMatchObject(unreadable);
  });

  it('is read wrapped and bare; a wrapped 404 says that there is none', () => {
    expect(readProfile('u1', json(profile), note)).toEqual(found(profile));
    expect(readProfile('u1', json({ data: null, status: 404 }), note)).toEqual({ kind: 'not_found' });
    for (const data of [null, [profile], 'text', 7]) expect(read(data)).toMatchObject(unreadable);
  });

  it('of which an error is told is none', () => {
    for (const error of [{ error: 'x' }, { success: false }, { errors: [{}] }, { status: 500 }]) {
      expect(readProfile('u1', json({ data: profile, ...error }), note)).toMatchObject(unreadable);
    }
    const silent = { error: null, errors: [], success: 'true', status: '200' };
    expect(readProfile('u1', json({ data: profile, ...silent }), note)).toEqual(found(profile));
  });
});

describe('posts', () => {
  const at = (createdAt: unknown) => ({ id: 'p', createdAt });
  const read = (data: unknown) => readPosts('u1', json({ data }), note);

  it('are counted, and the newest is found, whatever their order and zone', () => {
    const posts = [at('2024-01-01T00:00:00Z'), at('2024-03-01T01:00:00+05:00'), at('2024-02-29T21:00:00Z')];
    expect(read(posts)).toEqual(found({ total: 3, newestAt: '2024-02-29T21:00:00Z' }));
    expect(read([])).toEqual(found({ total: 0, newestAt: null }));
    expect(readPosts('u1', json(posts), note)).toEqual(read(posts));
    expect(noted).toEqual([]);
  });

  it('are counted by the source itself', () => {
    expect(read({ userId: 'u1', totalPosts: 12, recentPosts: [at('2024-01-01')] })).toEqual(
      found({ total: 12, newestAt: '2024-01-01' }),
    );
    expect(read({ totalPosts: 12 })).toEqual(found({ total: 12, newestAt: null }));
    expect(read({ totalPosts: 12, recentPosts: null })).toEqual(found({ total: 12, newestAt: null }));
    expect(noted).toEqual([]);
    expect(read({ totalPosts: '12' })).toEqual(found({ total: 12, newestAt: null }));
    expect(noted).toEqual(['text_to_number']);
    expect(read({ totalPosts: null, recentPosts: [at('2024-01-01')] })).toMatchObject(found({ total: 1 }));
  });

  it('that are odd cost no others', () => {
    expect(read([at('yesterday'), null, 7, {}, at(1_704_067_200_000)])).toEqual(
      found({ total: 5, newestAt: '2024-01-01T00:00:00.000Z' }),
    );
    expect(noted.filter((kind) => kind === 'element_left_out')).toHaveLength(4);
  });

  it('may be many', () => {
    const posts = Array.from({ length: 20_000 }, () => at('2024-01-01'));
    expect(read(posts)).toEqual(found({ total: 20_000, newestAt: '2024-01-01' }));
  });

  it('of nobody, of another, or not counted are none', () => {
    for (const data of [null, {}, { totalPosts: 'many' }, { totalPosts: -1 }, { userId: 'u2', totalPosts: 1 }]) {
      expect(read(data)).toMatchObject(unreadable);
    }
  });
});

describe('analytics', () => {
  const read = (data: unknown) => readAnalytics('7', json({ data }), note);

  it('need no more than the engagement', () => {
    for (const lastActiveAt of [null, undefined]) {
      expect(read({ avgEngagement: 4.2, lastActiveAt })).toEqual(found({ avgEngagement: 4.2, lastActiveAt: null }));
    }
    expect(read({ userId: 7, avgEngagement: 0, lastActiveAt: '2024-01-01' })).toEqual(
      found({ avgEngagement: 0, lastActiveAt: '2024-01-01' }),
    );
    expect(noted).toEqual([]);
    expect(read({ avgEngagement: '4.2' })).toMatchObject(found({ avgEngagement: 4.2 }));
    expect(noted).toEqual(['text_to_number']);
    for (const avgEngagement of [null, undefined, '', 'high', {}, true]) {
      expect(read({ avgEngagement })).toMatchObject(unreadable);
    }
    expect(read({ userId: 8, avgEngagement: 1 })).toMatchObject(unreadable);
  });
});

describe('the directory', () => {
  it('may have numbers for ids', () => {
    expect(readUsers(json([{ id: 1, name: 'A', events: [1, 'b'] }]), note)).toEqual(
      found([{ id: '1', name: 'A', events: ['1', 'b'] }]),
    );
    expect(readUser('1', json({ data: { id: 1 } }), note)).toEqual(found({ id: '1', name: null, events: [] }));
    expect(readEvent('2', json({ id: 2, name: 'n', userId: 1, details: [1] }), note)).toEqual(
      found({ id: '2', name: 'n', userId: '1', details: [1] }),
    );
    expect(readEvents(json([{ id: 2 }]), note)).toEqual(found([{ id: '2', name: null, userId: null }]));
  });

  it('keeps whatever is good of a list', () => {
    const users = [null, 'x', { id: 'a', name: 'A', events: ['e', null, {}, 'x'.repeat(200), ''] }, { name: 'no id' }];
    expect(readUsers(json(users), note)).toEqual(found([{ id: 'a', name: 'A', events: ['e', ''] }]));
    expect(noted).toEqual(Array(6).fill('element_left_out'));
    expect(readUsers(json([]), note)).toEqual(found([]));
    for (const list of [[null], [{}], null, {}, 'text']) expect(readUsers(json(list), note)).toMatchObject(unreadable);
    expect(readUsers(Buffer.from(''), note)).toMatchObject(unreadable);
  });

  it('has users without events', () => {
    for (const events of [undefined, null, []]) {
      expect(readUsers(json([{ id: '1', name: 'A', events }]), note)).toEqual(
        found([{ id: '1', name: 'A', events: [] }]),
      );
    }
    expect(noted).toEqual([]);
    expect(readUsers(json([{ id: '1', events: 'none' }]), note)).toMatchObject(found([{ events: [] }]));
    expect(noted).toEqual(['field_ignored']);
  });

  it('says by an empty answer that there is none', () => {
    for (const none of [' \n', '', 'null', '{"data":null}']) {
      expect(readEvent('event-1', Buffer.from(none), note)).toEqual({ kind: 'absent' });
    }
    expect(readEvent('event-1', json({ id: 'event-2', name: 'n', userId: '1' }), note)).toMatchObject(unreadable);
    expect(readEvent('event-1', json({ error: 'x' }), note)).toMatchObject(unreadable);
  });
});

test('a number beside an id of letters is the own number of the source; between digits it must be the same', () => {
  const profile = (asked: string, id: unknown) =>
    readProfile(asked, Buffer.from(JSON.stringify({ id })), () => undefined);
  expect(profile('user-1', 12)).toMatchObject({ kind: 'found', value: { id: '12' } });
  expect(profile('12', 12)).toMatchObject({ kind: 'found', value: { id: '12' } });
  expect(profile('13', 12).kind).toBe('failed');
  expect(profile('user-1', 'user-2').kind).toBe('failed');
});
