import { guardAgainstFailedFsync } from '../../src/external-services/stores/guarded-store';
import type { Destination } from '../../src/interfaces/destination';
import type { EventStore } from '../../src/interfaces/event-store';
import type { Log } from '../../src/interfaces/log';
import type { Runtime } from '../../src/interfaces/runtime';
import { DeadLetterService } from '../../src/services/delivery/dead-letter-service';
import { DeliveryWorker } from '../../src/services/delivery/delivery-worker';
import { Catalogue } from '../../src/services/events/catalogue';
import { EventFeed } from '../../src/services/events/event-feed';
import { EventService } from '../../src/services/events/event-service';
import { IdempotencyCache } from '../../src/services/events/idempotency-cache';
import { Retention } from '../../src/services/operations/retention';
import { MapCache } from '../support/map-cache';
import { COOLDOWN_MS } from './send-log';
import { SimulatedDestinations, type SimulatedDestinationsParts } from './simulated-destinations';
import type { SimulatedProcess } from './simulated-process';

/** A real gateway but for its HTTP edge, in one simulated process. */
export interface GatewayProcess {
  readonly process: SimulatedProcess;
  readonly events: EventService;
  readonly worker: DeliveryWorker;
  readonly deadLetters: DeadLetterService;
  destinations(): readonly Destination[];
  /** Whether it has been told that an fsync failed. */
  isBroken(): boolean;
  /** As SIGHUP does. */
  reload(): void;
  /** As SIGTERM does; resolves when the process may end. */
  stop(): Promise<void>;
}

export interface GatewayProcessParts extends SimulatedDestinationsParts {
  readonly store: EventStore;
  /** What retention takes for its clock: the process's own, but for a planted bug. */
  readonly retentionRuntime: Runtime;
  /** It ends by itself. */
  readonly exit: (why: string) => void;
}

export const LEASE_MS = 20_000;
const ATTEMPT_TIMEOUT_MS = 5_000;
const DAY_MS = 86_400_000;
const MAX_AGE_MS = 7 * DAY_MS;
export const EVENT_NAMES = ['purchase', 'login'] as const;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

const catalogue = (): Catalogue =>
  new Catalogue(EVENT_NAMES.map((name) => ({ name, description: name, points: 1, requires: [] })));

/** Builds it as the composition root does; nothing runs before `startGateway`. */
export function buildGateway(parts: GatewayProcessParts): GatewayProcess {
  const { process, profile, retentionRuntime } = parts;
  let isBroken = false;
  const store = guardAgainstFailedFsync(parts.store, () => {
    isBroken = true;
    void stop().then(() => parts.exit('an fsync failed'));
  });
  const destinations = new SimulatedDestinations(parts);
  const current = () => destinations.current();
  const feed = new EventFeed();
  const worker = new DeliveryWorker({
    destinations: current(),
    store,
    runtime: process,
    feed,
    log: silent,
    circuitCooldownMs: COOLDOWN_MS,
    settings: {
      leaseMs: LEASE_MS,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      drainMs: 8_000,
      schedule: { baseMs: 1_000, maxMs: 20_000, forMs: profile.retryForMs },
    },
  });
  const cache = new MapCache(process);
  const events = new EventService({
    store,
    runtime: process,
    catalogue: catalogue(),
    feed,
    destinations: current,
    backlogMax: 1_000,
    maxAgeMs: MAX_AGE_MS,
    maxAheadMs: 300_000,
    idempotency: new IdempotencyCache({ cache, store, runtime: process, maxAgeMs: MAX_AGE_MS }),
  });
  const deadLetters = new DeadLetterService({
    store,
    runtime: process,
    destinations: current,
    nudge: (name) => worker.nudge(name),
  });
  const retention = new Retention({ store, runtime: retentionRuntime, log: silent, retentionMs: 8 * DAY_MS });
  void worker.start().then(() => retention.start());
  let reloading = Promise.resolve();
  const reload = () => {
    destinations.read();
    reloading = reloading.then(() => worker.replace(current()));
  };
  const stop = async () => {
    events.stopWaiting();
    await worker.stop();
    await retention.stop();
    await events.idle();
  };
  return { process, events, worker, deadLetters, destinations: current, isBroken: () => isBroken, reload, stop };
}
