import { once } from 'node:events';

import type { Request, Response } from 'express';

import { AppError } from '../errors';
import type { PointsService } from '../services/points/points-service';
import { type BatchCaller, type BatchService, unobtainable } from '../services/users/batch-service';
import type { DirectoryAnswer, DirectoryService } from '../services/users/directory-service';
import { isComplete } from '../services/users/user-summary';
import type { BatchRequest } from '../types/user';
import { readBatchInfo, readSummaryQuery, readUserId } from '../validation-schemas/user';
import { send, withClientAbort } from './json';

const NDJSON = 'application/x-ndjson';
/** The one that is answered, with and without its charset. */
const NDJSON_TYPES = [NDJSON, `${NDJSON};charset=utf-8`];

export interface UserControllerParts {
  /** Null without USER_API_URL. */
  readonly batch: BatchService | null;
  /** Null without EVENT_API_URL. */
  readonly directory: DirectoryService | null;
  readonly points: PointsService;
}

/** HTTP for questions about users. A client that goes away ends the work that was done for it. */
export class UserController {
  constructor(private readonly parts: UserControllerParts) {}

  readonly list = (_request: Request, response: Response): Promise<void> =>
    withClientAbort(response, async (caller) => sendDirectory(response, await this.directory().users(caller)));

  readonly get = (request: Request, response: Response): Promise<void> => {
    const userId = readUserId(request.params['id']);
    return withClientAbort(response, async (caller) =>
      sendDirectory(response, await this.directory().user(userId, caller)),
    );
  };

  readonly getSummary = (request: Request, response: Response): Promise<void> => {
    const userId = readUserId(request.params['id']);
    const options = readSummaryQuery(request.query);
    return withClientAbort(response, async (caller) => {
      const { summary, failure } = await this.batch().processUserData(userId, options, caller);
      if (failure === 'absent') throw new AppError('not_found', 'There is no user with this id.');
      if (failure !== null) throw unobtainable(failure === 'deadline', 'The profile of the user could not be had');
      send(response, 200, summary);
    });
  };

  readonly postBatchInfo = (request: Request, response: Response): Promise<void> => {
    const isStreamed = NDJSON_TYPES.includes(request.accepts(['application/json', ...NDJSON_TYPES]) || '');
    const batchRequest = readBatchInfo(request.body, isStreamed);
    const batch = this.batch();
    return withClientAbort(response, async (caller) => {
      if (isStreamed) return stream(response, batch, batchRequest, caller);
      const { results, metadata, isComplete } = await batch.processBatchUsers(batchRequest, caller);
      response.setHeader('X-Batch-Complete', String(isComplete));
      send(response, 200, { results, metadata });
    });
  };

  readonly getPoints = async (request: Request, response: Response): Promise<void> => {
    const userId = String(request.params['id']);
    if (Array.from(userId).length > 128)
      throw new AppError('not_found', 'No user has an id of more than 128 characters.');
    send(response, 200, await this.parts.points.pointsOf(userId));
  };

  private batch(): BatchService {
    if (this.parts.batch !== null) return this.parts.batch;
    throw new AppError('upstream_unavailable', 'There is no user API to ask: USER_API_URL is not set.');
  }

  private directory(): DirectoryService {
    if (this.parts.directory !== null) return this.parts.directory;
    throw new AppError('upstream_unavailable', 'There is no external event API to ask: EVENT_API_URL is not set.');
  }
}

/**
 * A line per user as soon as it is ready, then one with the metadata. What is written waits for the
 * reader, and so does the work.
 */
async function stream(
  response: Response,
  batch: BatchService,
  request: BatchRequest,
  caller: BatchCaller,
): Promise<void> {
  response.statusCode = 200;
  response.setHeader('Content-Type', `${NDJSON}; charset=utf-8`);
  response.setHeader('Cache-Control', 'no-store');
  // Known only at the end (RFC 9110, section 6.5).
  response.setHeader('Trailer', 'X-Batch-Complete');
  // A proxy that collects the answer would hide the progress.
  response.setHeader('X-Accel-Buffering', 'no');
  response.flushHeaders();
  const users = batch.streamBatchUsers(request, caller);
  let isAllComplete = true;
  let step = await users.next();
  for (; step.done !== true; step = await users.next()) {
    isAllComplete &&= isComplete(step.value);
    const hasRoom = response.write(`${JSON.stringify(step.value)}\n`);
    if (!hasRoom) await once(response, 'drain', { signal: caller.signal });
  }
  response.write(`${JSON.stringify({ metadata: step.value })}\n`);
  response.addTrailers({ 'X-Batch-Complete': String(isAllComplete) });
  response.end();
}

function sendDirectory(response: Response, { value, ageMs, isStale }: DirectoryAnswer<unknown>): void {
  response.setHeader('Age', String(Math.floor(ageMs / 1000)));
  // RFC 9211: where the answer comes from, and that one which is too old was shown for want of a
  // better.
  if (isStale) response.setHeader('Cache-Status', 'sluice; hit; detail=stale');
  send(response, 200, value);
}
