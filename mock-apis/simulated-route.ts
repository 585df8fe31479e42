import type { Request, Response } from 'express';
import { afterDelay, sendJson } from './json-answer';
import { createRandom, pick, within, type Random } from './random';
import { RouteCounter } from './route-counter';

/** How a call of a route may go wrong, and how long it takes. */
export interface RouteConduct {
  readonly delayMs: readonly [number, number];
  readonly failRate: number;
  readonly failStatuses: readonly number[];
  readonly dropRate: number;
  readonly hangRate: number;
  readonly slowRate?: number;
  readonly slowDelayMs?: readonly [number, number];
}

/** `body: null` is an answer with an empty body. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** One route of a simulated API: its own stream of random numbers, its own counter. */
export class SimulatedRoute {
  readonly counter = new RouteCounter();
  private random: Random;

  constructor(
    private readonly name: string,
    private readonly seed: () => number,
    private readonly failureBody: (status: number) => unknown,
  ) {
    this.random = createRandom(seed(), name);
  }

  reset(): void {
    this.counter.clear();
    this.random = createRandom(this.seed(), this.name);
  }

  /** Drops, hangs, fails or answers. `answer` is asked when the delay has passed. */
  run(req: Request, res: Response, conduct: RouteConduct, answer: () => RouteAnswer): void {
    const answered = this.counter.begin(res);
    // The same number of draws for each call, so that a changed setting does not shift the later
    // calls.
    const chances = Array.from({ length: 7 }, this.random);
    const [drop = 1, hang = 1, fail = 1, status = 0, delay = 0, slow = 1, slowDelay = 0] = chances;
    if (drop < conduct.dropRate) {
      req.socket.resetAndDestroy();
      return;
    }
    if (hang < conduct.hangRate) return;
    const isSlow = slow < (conduct.slowRate ?? 0);
    const extraMs = isSlow ? within(conduct.slowDelayMs ?? [0, 0], slowDelay) : 0;
    afterDelay(res, within(conduct.delayMs, delay) + extraMs, () => {
      const failure = fail < conduct.failRate ? pick(conduct.failStatuses, status) : null;
      const chosen = failure === null ? answer() : { status: failure, body: this.failureBody(failure) };
      answered(chosen.status);
      if (chosen.body === null) res.writeHead(chosen.status, { 'Content-Length': 0 }).end();
      else sendJson(res, chosen.status, chosen.body);
    });
  }
}
