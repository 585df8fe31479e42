import type { Request, RequestHandler, Response } from 'express';

import { inSequence } from './router';

const fault = new Error('the fault');

/** Runs the handlers; `done` is what the sequence ended with, null when no handler let it end. */
async function run(...handlers: RequestHandler[]) {
  let done: unknown = null;
  const request = {} as Request;
  const response = { locals: {} } as Response;
  await inSequence(handlers)(request, response, (error?: unknown) => (done = error ?? 'the end'));
  // A rejection comes to `done` in a later microtask.
  await new Promise(setImmediate);
  return { done, called: response.locals['called'] as string[] | undefined };
}

type Act = (next: (error?: unknown) => void) => unknown;

function handler(name: string, act: Act = (next) => next()): RequestHandler {
  return (_request, response, next) => {
    response.locals['called'] = [...((response.locals['called'] as string[] | undefined) ?? []), name];
    return act(next);
  };
}

describe('inSequence', () => {
  it('calls each handler when the one before it is through, then done', async () => {
    const later = handler('b', (next) => setImmediate(next));
    expect(await run(handler('a'), later, inSequence([handler('c'), handler('d')]))).toMatchObject({
      called: ['a', 'b', 'c', 'd'],
    });
    expect(await run()).toEqual({ done: 'the end', called: undefined });
    expect(await run(handler('a'))).toEqual({ done: 'the end', called: ['a'] });
  });

  it('ends where a handler answers', async () => {
    expect(
      await run(
        handler('a', () => undefined),
        handler('b'),
      ),
    ).toEqual({ done: null, called: ['a'] });
  });

  it.each<[string, Act]>([
    [
      'throws',
      () => {
        throw fault;
      },
    ],
    ['rejects', () => Promise.reject(fault)],
    ['says so', (next) => next(fault)],
    ['says so later', (next) => setImmediate(next, fault)],
  ])('ends with the fault when a handler %s', async (_how, act) => {
    expect(await run(handler('a'), handler('b', act), handler('c'))).toEqual({ done: fault, called: ['a', 'b'] });
    expect(await run(inSequence([handler('a', act)]), handler('b'))).toEqual({ done: fault, called: ['a'] });
  });
});
