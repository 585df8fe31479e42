/** What a source may say. It is another system: what is too much is cut or refused, what is not ours is dropped, and the rest is checked. */
import Joi from 'joi';

import type { Sent } from '../../interfaces/source-policy';
import type { DirectoryEvent, DirectoryUser, UserAnalytics, UserPosts, UserProfile } from '../../types/user';

/** Checking blocks the event loop: 5 000 entries take about 20 ms. */
const ENTRIES_MAX = 5_000;

const text = (max: number) => Joi.string().allow('').max(max).truncate();
const id = Joi.string().min(1).max(128);
/** Kept as the text that it came as. */
const time = Joi.string()
  .max(64)
  .pattern(/^\d{4}-/)
  .custom((value: string, helpers) => (Number.isNaN(Date.parse(value)) ? helpers.error('any.invalid') : value));
const entries = (entry: Joi.Schema) => Joi.array().items(entry).max(ENTRIES_MAX);

const profile = Joi.object({
  id: id.required(),
  name: text(256).required(),
  email: text(320).required(),
  joinedAt: time.required(),
  status: text(64).required(),
});

const post = Joi.object({ createdAt: time.required() });

const analytics = Joi.object({
  userId: id.required(),
  avgEngagement: Joi.number().strict().required(),
  lastActiveAt: time.required(),
});

const directoryUser = Joi.object({
  id: id.required(),
  name: text(256).required(),
  // A user without any need not say so.
  events: entries(Joi.string().max(128).allow('')).empty(null).default([]),
});

const directoryEvent = Joi.object({
  id: id.required(),
  name: text(256).required(),
  userId: id.required(),
  details: Joi.any(),
});

const unreadable: Sent<never> = { kind: 'failed', code: 'unreadable', isRetryable: true, retryAfter: null };

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

/** Converting means only that texts are cut to their length. */
const options: Joi.ValidationOptions = { stripUnknown: { objects: true }, convert: true };

function check<T>(schema: Joi.Schema, value: unknown): Sent<T> {
  const checked = schema.required().validate(value, options);
  return checked.error === undefined ? { kind: 'found', value: checked.value as T } : unreadable;
}

/** The user API wraps what it says as `{ "data": …, "status": 200 }`, and may say there that there is none. What is not wrapped is read too. */
function readData<T>(body: Buffer, schema: Joi.Schema): Sent<T> {
  const answer = parse(body);
  if (typeof answer !== 'object' || answer === null) return unreadable;
  if (!('data' in answer)) return check<T>(schema, answer);
  const { data, status } = answer as { readonly data: unknown; readonly status?: unknown };
  return data === null && status === 404 ? { kind: 'not_found' } : check<T>(schema, data);
}

/** What is said about another user than the one asked for is no answer. */
function about<T>(userId: string, ofUser: (value: T) => string, sent: Sent<T>): Sent<T> {
  return sent.kind === 'found' && ofUser(sent.value) !== userId ? unreadable : sent;
}

export function readProfile(userId: string, body: Buffer): Sent<UserProfile> {
  return about(userId, ({ id }) => id, readData<UserProfile>(body, profile));
}

export function readPosts(body: Buffer): Sent<UserPosts> {
  const sent = readData<readonly { readonly createdAt: string }[]>(body, entries(post));
  if (sent.kind !== 'found') return sent;
  let newestAt: string | null = null;
  for (const { createdAt } of sent.value) {
    if (newestAt === null || Date.parse(createdAt) > Date.parse(newestAt)) newestAt = createdAt;
  }
  return { kind: 'found', value: { total: sent.value.length, newestAt } };
}

export function readAnalytics(userId: string, body: Buffer): Sent<UserAnalytics> {
  const sent = about(
    userId,
    ({ userId }) => userId,
    readData<UserAnalytics & { readonly userId: string }>(body, analytics),
  );
  if (sent.kind !== 'found') return sent;
  const { avgEngagement, lastActiveAt } = sent.value;
  return { kind: 'found', value: { avgEngagement, lastActiveAt } };
}

export function readUsers(body: Buffer): Sent<readonly DirectoryUser[]> {
  return check(entries(directoryUser), parse(body));
}

export function readEvents(body: Buffer): Sent<readonly DirectoryEvent[]> {
  return check(entries(directoryEvent), parse(body));
}

/** The external event API answers for an unknown id with 200 and an empty body. */
function readEntry<T extends { readonly id: string }>(entryId: string, body: Buffer, schema: Joi.Schema): Sent<T> {
  if (body.toString('latin1').trim() === '') return { kind: 'absent' };
  return about(entryId, ({ id }) => id, check<T>(schema, parse(body)));
}

export function readUser(userId: string, body: Buffer): Sent<DirectoryUser> {
  return readEntry(userId, body, directoryUser);
}

export function readEvent(eventId: string, body: Buffer): Sent<DirectoryEvent> {
  return readEntry(eventId, body, directoryEvent);
}
