/** Kept invariant: at most one call per key is in flight that somebody still waits for; a key is forgotten as soon as its call has ended. */
import { onAbort } from './on-abort';

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  callers: number;
}

/** Lets concurrent callers of the same key share one call. Results and errors go to all of them and are not kept. */
export class Singleflight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /** How many calls are in flight. */
  get size(): number {
    return this.flights.size;
  }

  /**
   * Joins the call of this key, or starts it with `call`. A caller whose signal aborts leaves with the signal's reason and disturbs nobody;
   * when the last one has left, the signal that `call` was given aborts, and the next caller starts a new call.
   */
  async run(key: string, call: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const flight = this.flights.get(key) ?? this.start(key, call);
    flight.callers += 1;
    if (signal === undefined) return flight.result;
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason as Error);
        flight.callers -= 1;
        if (flight.callers > 0) return;
        this.forget(key, flight);
        flight.controller.abort(signal.reason);
      };
      flight.result.then(resolve, reject).finally(onAbort(signal, leave));
    });
  }

  private start(key: string, call: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const invoke = async (): Promise<T> => call(controller.signal);
    const flight: Flight<T> = { result: invoke(), controller, callers: 0 };
    this.flights.set(key, flight);
    const forget = (): void => this.forget(key, flight);
    flight.result.then(forget, forget);
    return flight;
  }

  private forget(key: string, flight: Flight<T>): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}
