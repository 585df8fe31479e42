import { PassThrough } from 'node:stream';

import type { Request, Response } from 'express';

import type { AppError } from '../errors';
import { readJson } from './read-body';

/** A request whose body the test sends by hand, and what reading it came to. */
function reading(headers: Record<string, string> = {}) {
  const stream = new PassThrough();
  const request = Object.assign(stream, { headers: { 'content-type': 'application/json', ...headers } });
  const outcomes: (AppError | 'read')[] = [];
  void readJson(100)(request as unknown as Request, {} as Response, (error?: unknown) => {
    outcomes.push(error === undefined ? 'read' : (error as AppError));
  });
  return { stream, outcomes, body: () => (request as unknown as Request).body as unknown };
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('readJson', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('reads a body that comes in pieces, and leaves no timer behind', async () => {
    const { stream, outcomes, body } = reading();
    stream.write('{"a":');
    await turn();
    expect(jest.getTimerCount()).toBe(1);
    stream.end('1}');
    await turn();
    expect([outcomes, body(), jest.getTimerCount()]).toEqual([['read'], { a: 1 }, 0]);
  });

  it('refuses a body that is not here within 30 s, however it drips', async () => {
    const { stream, outcomes } = reading();
    for (let second = 0; second < 30; second += 1) {
      expect(outcomes).toEqual([]);
      stream.write(' ');
      await turn();
      jest.advanceTimersByTime(1_000);
    }
    expect(outcomes).toMatchObject([{ code: 'request_timeout', detail: expect.stringContaining('30 s') as string }]);
    stream.end('{}');
    await turn();
    expect(outcomes).toHaveLength(1);
  });

  it.each([
    ['is too large', (stream: PassThrough) => stream.write(' '.repeat(101)), 'body_too_large'],
    ['is cut short', (stream: PassThrough) => stream.destroy(new Error('aborted')), 'invalid_request'],
  ])('refuses, once, a body that %s', async (_what, spoil, code) => {
    const { stream, outcomes } = reading();
    stream.write('{');
    await turn();
    spoil(stream);
    await turn();
    expect(outcomes).toMatchObject([{ code }]);
    expect(jest.getTimerCount()).toBe(0);
    stream.end('}');
    await turn();
    expect(outcomes).toHaveLength(1);
  });

  it('refuses a body that says it is too large before reading any of it', () => {
    expect(() => reading({ 'content-length': '101' })).toThrow('larger than the 100 bytes');
    expect(jest.getTimerCount()).toBe(0);
  });
});
