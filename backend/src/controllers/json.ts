import type { Request, Response } from 'express';

import type { Page } from '../interfaces/event-store';
import type { BatchCaller } from '../services/users/batch-service';
import type { Caller } from '../types/auth';
import { writeJson } from '../types/exact-json';

/**
 * What every controller asks of a request that was let in, and the one way in which they answer
 * with JSON.
 */

export function callerOf(response: Response): Caller {
  return response.locals['caller'] as Caller;
}

/** The name under which what operators do is recorded. */
export function actorOf(response: Response): string {
  return callerOf(response).clientId;
}

export function requestIdOf(response: Response): string {
  return response.locals['requestId'] as string;
}

/**
 * The address of a path as clients reach it: below PUBLIC_URL where that is set, which app.ts keeps
 * among its locals.
 */
export function linkTo(response: Response, path: string): string {
  return `${response.app.locals['publicUrl'] as string}${path}`;
}

export function send(response: Response, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(writeJson(body));
}

/** A page with the address of the next one in its body and in a Link header (RFC 8288). */
export function sendPage<T>(
  request: Request,
  response: Response,
  { data, nextCursor }: Page<T>,
  toJson: (item: T) => object,
): void {
  if (nextCursor !== null) {
    const [path = '', search = ''] = request.originalUrl.split('?', 2);
    const query = new URLSearchParams(search);
    query.set('cursor', nextCursor);
    response.setHeader('Link', `<${linkTo(response, path)}?${query.toString()}>; rel="next"`);
  }
  send(response, 200, { data: data.map(toJson), next_cursor: nextCursor });
}

/**
 * A client that waits for its answer. The signal is made when it is first asked for: a cached
 * answer needs none.
 */
class WaitingClient implements BatchCaller {
  readonly requestId: string;
  private gone: AbortController | null = null;

  constructor(private readonly response: Response) {
    this.requestId = requestIdOf(response);
  }

  /** Whether the connection has closed. */
  get isGone(): boolean {
    return this.response.destroyed || this.gone?.signal.aborted === true;
  }

  get signal(): AbortSignal {
    if (this.gone === null) {
      const gone = new AbortController();
      this.gone = gone;
      if (this.isGone) gone.abort('client_gone');
      else this.response.on('close', () => gone.abort('client_gone'));
    }
    return this.gone.signal;
  }
}

/**
 * Gives the work a signal that aborts when the connection closes; what it then rejects with is told
 * to nobody.
 */
export async function withClientAbort(response: Response, work: (caller: BatchCaller) => Promise<void>): Promise<void> {
  const caller = new WaitingClient(response);
  await work(caller).catch((error: unknown) => {
    if (!caller.isGone) throw error;
  });
}
