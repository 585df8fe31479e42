/** How several events travel in one call: as a JSON array, in order; and how an answer speaks of each of them. */
import type { DestinationContract, DeliveryRequest } from '../../interfaces/destination';
import { isRecord, parseJson, toNumber } from '../http/json-answer';
import type { BatchDefinition } from './destination-definition';

/** A batching destination always gets an array, also of one, so that it need not tell two forms apart. */
export function joinPayloads(requests: readonly DeliveryRequest[], contract: DestinationContract): Buffer {
  const [first] = requests;
  if (contract.maxBatch === 1) {
    if (first === undefined || requests.length > 1) throw new Error('This destination takes one event per call');
    return first.payload;
  }
  const pieces = requests.flatMap(({ payload }, index) => [Buffer.from(index === 0 ? '[' : ','), payload]);
  return Buffer.concat([...pieces, Buffer.from(']')]);
}

/** The part of a contract that a definition may change. */
export function batchContract({ maxBatch = 1, batchMode = 'atomic' }: BatchDefinition) {
  return { maxBatch, batchMode: maxBatch === 1 ? ('none' as const) : batchMode };
}

/**
 * The HTTP status that an answer gives each item, in order; null for an item that it does not speak of. `perItem`:
 * `[{ "status": 202 }, …]`, or that under `results`, one for each. `atomicNamed`: `{ "errors": [{ "index": 3 }] }`, or `id` for
 * `index`, names those at fault. Null when the body has no such form.
 */
export function readItemStatuses(
  body: Buffer,
  requests: readonly DeliveryRequest[],
  { batchMode }: DestinationContract,
): readonly (number | null)[] | null {
  const answer = parseJson(body);
  if (batchMode === 'perItem') return readStatuses(answer, requests.length);
  return batchMode === 'atomicNamed' ? readNamed(answer, requests) : null;
}

/** Whether an answer speaks of items one by one. */
export function hasItems(body: Buffer): boolean {
  return itemsOf(parseJson(body)) !== null;
}

function fieldOf(value: unknown, field: string): unknown {
  return isRecord(value) ? value[field] : undefined;
}

function itemsOf(answer: unknown): readonly unknown[] | null {
  const items = Array.isArray(answer) ? (answer as unknown[]) : fieldOf(answer, 'results');
  return Array.isArray(items) ? items : null;
}

function readStatuses(answer: unknown, count: number): readonly (number | null)[] | null {
  const items = itemsOf(answer);
  if (items?.length !== count) return null;
  return items.map((item) => {
    const status = toNumber(fieldOf(item, 'status'));
    return status !== null && Number.isInteger(status) && status >= 100 && status < 600 ? status : null;
  });
}

function readNamed(answer: unknown, requests: readonly DeliveryRequest[]): readonly (number | null)[] | null {
  const errors = fieldOf(answer, 'errors');
  if (!Array.isArray(errors)) return null;
  const named = new Set<unknown>(errors.flatMap((error) => [toNumber(fieldOf(error, 'index')), fieldOf(error, 'id')]));
  const statuses = requests.map(({ eventId }, index) => (named.has(index) || named.has(eventId) ? 400 : null));
  return statuses.some((status) => status !== null) ? statuses : null;
}
