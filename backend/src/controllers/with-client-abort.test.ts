import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

import type { Response } from 'express';

import { withClientAbort } from './json';

function openResponse(): Response {
  return Object.assign(new ServerResponse(new IncomingMessage(new Socket())), {
    locals: { requestId: 'r' },
  }) as unknown as Response;
}

describe('withClientAbort', () => {
  it('aborts the signal when the connection closes, and tells nobody what the work then rejects with', async () => {
    const response = openResponse();
    await withClientAbort(response, async ({ requestId, signal }) => {
      expect([requestId, signal.aborted]).toEqual(['r', false]);
      response.destroy();
      response.emit('close');
      expect([signal.aborted, signal.reason]).toEqual([true, 'client_gone']);
      signal.throwIfAborted();
    });
  });

  it('gives an aborted signal to work that asks for it after the connection has closed', async () => {
    const response = openResponse();
    await withClientAbort(response, async (caller) => {
      response.destroy();
      expect(caller.signal.aborted).toBe(true);
      throw new Error('nobody waits');
    });
  });

  it('makes no signal for work that asks for none, and the same one for work that asks twice', async () => {
    const response = openResponse();
    await withClientAbort(response, async (caller) => {
      expect(response.listenerCount('close')).toBe(0);
      expect(caller.signal).toBe(caller.signal);
      expect(response.listenerCount('close')).toBe(1);
    });
  });

  it('rejects with what the work rejects with while somebody waits', async () => {
    const work = withClientAbort(openResponse(), () => Promise.reject(new Error('the fault')));
    await expect(work).rejects.toThrow('the fault');
  });
});
