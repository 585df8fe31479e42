import type { RequestHandler } from 'express';

/**
 * Several handlers as one: each is called when the one before it calls `next`; what one throws or rejects with ends the sequence and goes to
 * `done`, as Express does it. Express itself would compare the path again before each of them, which costs more than most of them do.
 */
export function inSequence(handlers: readonly RequestHandler[]): RequestHandler {
  return (request, response, done) => {
    let place = 0;
    const next = (error?: unknown): void => {
      const handler = error === undefined ? handlers[place] : undefined;
      if (handler === undefined) {
        done(error);
        return;
      }
      place += 1;
      try {
        const result: unknown = handler(request, response, next);
        if (result instanceof Promise) result.catch(done);
      } catch (thrown) {
        done(thrown);
      }
    };
    next();
  };
}
