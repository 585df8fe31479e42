import type { ServerResponse } from 'node:http';

export interface RouteCounts {
  readonly calls: number;
  /** By the status that was sent. */
  readonly answered: Readonly<Record<string, number>>;
  /** Dropped, reset, hung until the client gave up, or given up before the answer. */
  readonly unanswered: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
}

/** Counts the calls of one route; never forgets unless cleared. */
export class RouteCounter {
  private calls = 0;
  private answered = new Map<number, number>();
  private unanswered = 0;
  private inFlight = 0;
  private maxInFlight = 0;
  /** Grows with each clear, so that calls begun before it are not counted after it. */
  private epoch = 0;

  /**
   * Counts a call. Call the result with the status when it is answered; otherwise it counts as
   * unanswered when the connection closes.
   */
  begin(res: ServerResponse): (status: number) => void {
    this.calls += 1;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    const { epoch } = this;
    let isOpen = true;
    const end = (status: number | null): void => {
      if (!isOpen || epoch !== this.epoch) return;
      isOpen = false;
      this.inFlight -= 1;
      if (status === null) this.unanswered += 1;
      else this.answered.set(status, (this.answered.get(status) ?? 0) + 1);
    };
    res.once('close', () => end(null));
    return end;
  }

  read(): RouteCounts {
    const { calls, unanswered, inFlight, maxInFlight } = this;
    return { calls, answered: Object.fromEntries(this.answered), unanswered, inFlight, maxInFlight };
  }

  /** From 0; calls that are in flight are not counted any more. */
  clear(): void {
    this.epoch += 1;
    this.calls = 0;
    this.answered.clear();
    this.unanswered = 0;
    this.inFlight = 0;
    this.maxInFlight = 0;
  }
}
