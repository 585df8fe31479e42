import type { Config } from '../config/config';
import type { Destination } from '../interfaces/destination';
import type { EventStore } from '../interfaces/event-store';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import { DeliveryWorker } from '../services/delivery/delivery-worker';
import type { EventFeed } from '../services/events/event-feed';

export interface DeliveryParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly feed: EventFeed;
  readonly log: Log;
  readonly destinations: readonly Destination[];
  /** How long a stop waits for attempts in flight. */
  readonly drainMs: number;
}

/** What sends the deliveries, by the settings. */
export function createDeliveryWorker(config: Config, { drainMs, ...parts }: DeliveryParts): DeliveryWorker {
  const { retryBaseMs, retryMaxMs, retryForMs, leaseMs, attemptTimeoutMs, circuitCooldownMs } = config;
  const schedule = { baseMs: retryBaseMs, maxMs: retryMaxMs, forMs: retryForMs };
  return new DeliveryWorker({
    ...parts,
    circuitCooldownMs,
    settings: { leaseMs, attemptTimeoutMs, drainMs, schedule },
  });
}
