import type { Response } from 'express';

import type { BatchCaller } from '../services/users/batch-service';

/** Gives the work a signal that aborts when the connection closes; what it then rejects with is told to nobody. */
export async function whileWaited(response: Response, work: (caller: BatchCaller) => Promise<void>): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort('client_gone'));
  const caller = { requestId: response.locals['requestId'] as string, signal: gone.signal };
  await work(caller).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
}
