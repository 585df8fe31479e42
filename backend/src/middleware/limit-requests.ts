import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';

import { AppError } from '../errors';
import type { Caller } from '../types/auth';

/** What one client or address has left; seconds throughout. */
interface Limit {
  take(): number;
  begin(): boolean;
  readonly end: () => void;
  remaining(): number;
  fullAfterSeconds(): number;
}

export interface LimitParts {
  readonly perMinute: number;
  readonly limitOf: (key: string) => Limit;
  /** What counts as one address. */
  readonly addressGroup: (address: string) => string;
}

export interface RequestLimiting {
  /** For a caller whose token was checked. */
  readonly byClient: RequestHandler;
  /** For everybody else. */
  readonly byAddress: RequestHandler;
  /**
   * Counts what was refused before it was counted, by its caller or its address, and answers 429 in
   * its place when that is used up.
   */
  readonly refused: ErrorRequestHandler;
}

/**
 * Holds each client, and each address while no client is known, to its requests a minute and at a
 * time. Says so in the fields of draft-ietf-httpapi-ratelimit-headers-10: the quota `q` in a window
 * of `w` seconds; what remains, `r`, and in how many seconds all of it is back, `t`.
 */
export function limitRequests({ perMinute, limitOf, addressGroup }: LimitParts): RequestLimiting {
  const policyOf = (name: string) => `"${name}";q=${perMinute};w=60`;
  const policies = { client: policyOf('client'), address: policyOf('address') };

  const count = (name: 'client' | 'address', key: string, response: Response): void => {
    const limit = limitOf(`${name} ${key}`);
    const waitSeconds = limit.take();
    response.locals['isCounted'] = true;
    response.setHeader('RateLimit-Policy', policies[name]);
    response.setHeader('RateLimit', `"${name}";r=${limit.remaining()};t=${limit.fullAfterSeconds()}`);
    if (waitSeconds > 0) {
      const detail = `More than ${perMinute} requests a minute from this ${name}; nothing was done.`;
      throw new AppError('rate_limited', detail, { retryAfterSeconds: waitSeconds });
    }
    if (!limit.begin()) {
      throw new AppError('rate_limited', `Too many requests of this ${name} are open at a time; nothing was done.`);
    }
    response.on('close', limit.end);
  };
  const countAddress = (request: Request, response: Response) =>
    count('address', addressGroup(request.ip ?? ''), response);

  return {
    byClient: (_request, response, next) => {
      count('client', (response.locals['caller'] as Caller).clientId, response);
      next();
    },
    byAddress: (request, response, next) => {
      countAddress(request, response);
      next();
    },
    refused: (error: unknown, request, response, next) => {
      if (response.locals['isCounted'] !== true) {
        const caller = response.locals['caller'] as Caller | undefined;
        if (caller) count('client', caller.clientId, response);
        else countAddress(request, response);
      }
      next(error);
    },
  };
}
