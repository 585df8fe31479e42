import type { RequestHandler } from 'express';

import type { Scope } from './types/auth';

/** One row of the table. `scope: 'public'` is said aloud; a row without a scope stops the start. */
export interface Route {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly scope: Scope | 'public';
  readonly body?: RequestHandler;
  /** Asked by whoever watches the process: answered however many ask and however busy it is. */
  readonly isProbe?: true;
  readonly handler: RequestHandler;
  /** Set on a route of the older clients: the path that has taken its place. */
  readonly successor?: string;
}
