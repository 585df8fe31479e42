import { TimerEventLoopDelay } from '../external-services/timer-event-loop-delay';
import type { EventLoopDelay } from '../interfaces/event-loop-delay';
import type { EventStore } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import type { EventFeed } from '../services/events/event-feed';
import { PrometheusMetrics } from '../external-services/metrics/prometheus-metrics';
import { LoadShedder } from '../services/operations/load-shedder';
import { GatewayMetrics } from '../services/operations/gateway-metrics';

export interface WatchParts {
  readonly feed: EventFeed;
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  /** In place of a timer's: a test's. */
  readonly eventLoopDelay: EventLoopDelay | undefined;
}

/** What watches the process itself: its counters, and whether it has too much to do. */
export interface Watch {
  readonly metrics: GatewayMetrics;
  readonly delay: EventLoopDelay;
  isShedding(): boolean;
  start(): void;
  stop(): void;
}

export function createWatch({ feed, store, runtime, log, eventLoopDelay }: WatchParts): Watch {
  const delay = eventLoopDelay ?? new TimerEventLoopDelay(runtime);
  const shedder = new LoadShedder(log);
  return {
    metrics: new GatewayMetrics(new PrometheusMetrics(), feed, store),
    delay,
    isShedding: () => shedder.isShedding,
    start: () => delay.start((p99Ms) => shedder.sample(p99Ms)),
    stop: () => delay.stop(),
  };
}
