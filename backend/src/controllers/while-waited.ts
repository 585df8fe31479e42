import type { Response } from 'express';

import type { BatchCaller } from '../services/users/batch-service';
import { requestIdOf } from './json';

/** Whoever waits for an answer. The signal is made when it is first asked for: what is known already needs none. */
class WaitingCaller implements BatchCaller {
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

/** Gives the work a signal that aborts when the connection closes; what it then rejects with is told to nobody. */
export async function whileWaited(response: Response, work: (caller: BatchCaller) => Promise<void>): Promise<void> {
  const caller = new WaitingCaller(response);
  await work(caller).catch((error: unknown) => {
    if (!caller.isGone) throw error;
  });
}
