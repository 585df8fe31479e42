/**
 * What a source may say. It is another system: only what the answer to our client needs is required, a neighbouring type is converted,
 * what is too long is cut, what cannot be used is left out, and each of these is counted. Ids and times leave as text.
 */
import type { SourceResponse } from '../../interfaces/user-sources';
import type { Conversion } from '../../interfaces/upstream-counts';
import type { DirectoryEvent, DirectoryUser, UserAnalytics, UserPosts, UserProfile } from '../../types/user';
import { isBlank, isRecord, type JsonRecord, parseJson, saysError, toNumber } from '../http/json-answer';

/** Told of each conversion. */
export type Note = (conversion: Conversion) => void;

const ID_MAX_CHARS = 128;
const TIME_MAX_CHARS = 64;
/** Below it a number is in seconds (until the year 5138), from it on in milliseconds (since 1973). */
const EPOCH_MS_FROM = 1e11;

const unreadable: SourceResponse<never> = { kind: 'failed', code: 'unreadable', isRetryable: true, retryAfter: null };

function toId(value: unknown, note: Note): string | null {
  if (typeof value === 'string') return value.length > 0 && value.length <= ID_MAX_CHARS ? value : null;
  if (!Number.isInteger(value)) return null;
  note('number_to_text');
  return String(value);
}

function toText(value: unknown, maxChars: number, note: Note): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') {
    if (value.length <= maxChars) return value;
    note('text_cut');
    return value.slice(0, maxChars);
  }
  const isPlain = typeof value === 'number' || typeof value === 'boolean';
  note(isPlain ? 'number_to_text' : 'field_ignored');
  return isPlain ? String(value) : null;
}

/** A text stays the text that came, in any form of ISO 8601. */
function toTime(value: unknown, note: Note): string | null {
  if (value === undefined || value === null) return null;
  if (isIsoTime(value)) return value;
  const epoch = toNumber(value);
  const date = new Date(epoch === null ? NaN : Math.abs(epoch) < EPOCH_MS_FROM ? epoch * 1_000 : epoch);
  const isUsable = date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9_999;
  note(isUsable ? 'time_to_text' : 'field_ignored');
  return isUsable ? date.toISOString() : null;
}

function isIsoTime(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > TIME_MAX_CHARS) return false;
  return /^\d{4}-/.test(value) && !Number.isNaN(Date.parse(value));
}

function toCount(value: unknown, note: Note): number | null {
  const number = toNumber(value);
  if (number !== null && typeof value === 'string') note('text_to_number');
  return number;
}

/** The user API wraps what it says as `{ "data": …, "status": 200 }`, and may say there that there is none. What is not wrapped is read too. */
function unwrap(body: Buffer): { readonly kind: 'said'; readonly data: unknown } | SourceResponse<never> {
  const answer = parseJson(body);
  if (answer === undefined) return unreadable;
  if (!isRecord(answer)) return { kind: 'said', data: answer };
  const isWrapped = 'data' in answer;
  const status = isWrapped ? toNumber(answer['status']) : null;
  if (status === 404 && answer['data'] === null) return { kind: 'not_found' };
  if (saysError(answer) || (status !== null && status >= 400)) return unreadable;
  return { kind: 'said', data: isWrapped ? answer['data'] : answer };
}

/** Reads what was said by `read`, which gives null for what cannot be used. */
function readSaid<T>(body: Buffer, read: (data: unknown) => T | null): SourceResponse<T> {
  const said = unwrap(body);
  if (said.kind !== 'said') return said;
  const value = read(said.data);
  return value === null ? unreadable : { kind: 'found', value };
}

function readRecord<T>(body: Buffer, read: (record: JsonRecord) => T | null): SourceResponse<T> {
  return readSaid(body, (data) => (isRecord(data) ? read(data) : null));
}

/**
 * What is said about another user than the one asked for is no answer. Digits are compared only with an id of digits: beside
 * another they are the number that the source itself has for the user.
 */
function isSameUser(asked: string, said: unknown): boolean {
  if (typeof said !== 'string' && typeof said !== 'number') return false;
  const text = String(said);
  return text === asked || (/^\d+$/.test(text) && !/^\d+$/.test(asked));
}

function isAbout(userId: string, { userId: said }: JsonRecord): boolean {
  return said === undefined || said === null || isSameUser(userId, said);
}

export function readProfile(userId: string, body: Buffer, note: Note): SourceResponse<UserProfile> {
  return readRecord(body, ({ id, name, email, joinedAt, status }) => {
    const ownId = toId(id, note);
    if (ownId === null || !isSameUser(userId, id)) return null;
    return {
      id: ownId,
      name: toText(name, 256, note),
      email: toText(email, 320, note),
      joinedAt: toTime(joinedAt, note),
      status: toText(status, 64, note),
    };
  });
}

/** A bare list of posts, or an object that counts them and shows the newest. */
export function readPosts(userId: string, body: Buffer, note: Note): SourceResponse<UserPosts> {
  return readSaid(body, (data) => {
    if (Array.isArray(data)) return { total: data.length, newestAt: newestOf(data, note) };
    if (!isRecord(data) || !isAbout(userId, data)) return null;
    const posts = Array.isArray(data['recentPosts']) ? (data['recentPosts'] as unknown[]) : null;
    const stated = toCount(data['totalPosts'], note);
    const total = stated !== null && stated >= 0 ? Math.floor(stated) : posts?.length;
    return total === undefined ? null : { total, newestAt: newestOf(posts ?? [], note) };
  });
}

function newestOf(posts: readonly unknown[], note: Note): string | null {
  let newestAt: string | null = null;
  for (const post of posts) {
    const createdAt = isRecord(post) ? toTime(post['createdAt'], note) : null;
    if (createdAt === null) note('element_left_out');
    else if (newestAt === null || Date.parse(createdAt) > Date.parse(newestAt)) newestAt = createdAt;
  }
  return newestAt;
}

export function readAnalytics(userId: string, body: Buffer, note: Note): SourceResponse<UserAnalytics> {
  return readRecord(body, (record) => {
    const avgEngagement = toCount(record['avgEngagement'], note);
    if (avgEngagement === null || !isAbout(userId, record)) return null;
    return { avgEngagement, lastActiveAt: toTime(record['lastActiveAt'], note) };
  });
}

type ReadEntry<T> = (record: JsonRecord, note: Note) => T | null;

const toDirectoryUser: ReadEntry<DirectoryUser> = ({ id, name, events }, note) => {
  const ownId = toId(id, note);
  // A user without any need not say so.
  return ownId === null ? null : { id: ownId, name: toText(name, 256, note), events: toEventIds(events, note) };
};

/** Ids that a client sees as they are, an empty one too: what cannot be asked for is named to it. */
function toEventIds(events: unknown, note: Note): string[] {
  if (!Array.isArray(events)) {
    if (events !== undefined && events !== null) note('field_ignored');
    return [];
  }
  return (events as unknown[]).flatMap((event) => {
    const id = event === '' ? '' : toId(event, note);
    if (id === null) note('element_left_out');
    return id ?? [];
  });
}

const toDirectoryEvent: ReadEntry<DirectoryEvent> = ({ id, name, userId, details }, note) => {
  const ownId = toId(id, note);
  if (ownId === null) return null;
  const event = { id: ownId, name: toText(name, 256, note), userId: toText(userId, ID_MAX_CHARS, note) };
  return details === undefined ? event : { ...event, details };
};

/** One bad element never sinks a list; a list of nothing else is not the one that was asked for. */
function readList<T>(body: Buffer, toEntry: ReadEntry<T>, note: Note): SourceResponse<readonly T[]> {
  return readSaid(body, (data) => {
    if (!Array.isArray(data)) return null;
    const entries = (data as unknown[]).flatMap((element) => {
      const entry = isRecord(element) ? toEntry(element, note) : null;
      if (entry === null) note('element_left_out');
      return entry ?? [];
    });
    return entries.length === 0 && data.length > 0 ? null : entries;
  });
}

export function readUsers(body: Buffer, note: Note): SourceResponse<readonly DirectoryUser[]> {
  return readList(body, toDirectoryUser, note);
}

export function readEvents(body: Buffer, note: Note): SourceResponse<readonly DirectoryEvent[]> {
  return readList(body, toDirectoryEvent, note);
}

/** The external event API answers for an unknown id with 200 and an empty body; another one may say `null`. */
function readEntry<T extends { readonly id: string }>(
  id: string,
  body: Buffer,
  toEntry: ReadEntry<T>,
  note: Note,
): SourceResponse<T> {
  if (isBlank(body)) return { kind: 'absent' };
  const said = unwrap(body);
  if (said.kind !== 'said') return said;
  if (said.data === null) return { kind: 'absent' };
  const entry = isRecord(said.data) ? toEntry(said.data, note) : null;
  return entry?.id === id ? { kind: 'found', value: entry } : unreadable;
}

export function readUser(userId: string, body: Buffer, note: Note): SourceResponse<DirectoryUser> {
  return readEntry(userId, body, toDirectoryUser, note);
}

export function readEvent(eventId: string, body: Buffer, note: Note): SourceResponse<DirectoryEvent> {
  return readEntry(eventId, body, toDirectoryEvent, note);
}
