import { AppError, type FieldError } from '../../errors';
import type { EventQuery, EventStore, Page } from '../../interfaces/event-store';
import type { EventView } from '../../types/delivery';
import type { EventStatus } from '../../types/event';
import { readTimeBound } from './time-bound';

/** A query as the client sends it: the store's query, with the two times still as text. */
export interface EventListRequest {
  readonly userId: string | undefined;
  readonly eventName: string | undefined;
  readonly status: EventStatus | undefined;
  readonly destination: string | undefined;
  /** Inclusive bounds on the event's time: RFC 3339, or whole seconds since 1970. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
}

/**
 * One page of events, newest accepted first. `clientId` null: every client's. Throws
 * `validation_failed`.
 */
export function listEvents(
  store: EventStore,
  clientId: string | null,
  request: EventListRequest,
): Promise<Page<EventView>> {
  const errors: FieldError[] = [];
  const { from, to, ...rest } = request;
  const bounds = { fromSeconds: readSeconds('from', from, errors), toSeconds: readSeconds('to', to, errors) };
  if (errors.length > 0)
    throw new AppError('validation_failed', 'The query has faults; each is named in errors.', { errors });
  return store.list(withoutUndefined({ clientId, ...rest, ...bounds }));
}

function readSeconds(parameter: string, text: string | undefined, errors: FieldError[]): number | undefined {
  const boundMs = readTimeBound(parameter, text, errors);
  return boundMs === undefined ? undefined : Math.floor(boundMs / 1000);
}

function withoutUndefined(query: { [K in keyof EventQuery]: EventQuery[K] | undefined }): EventQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as EventQuery;
}
