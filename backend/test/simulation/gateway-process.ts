import { AdEventsXDestination } from '../../src/external-services/destinations/adeventsx-destination';
import { EventApiDestination } from '../../src/external-services/destinations/event-api-destination';
import type { UpstreamClient, UpstreamRequest } from '../../src/external-services/http/upstream-client';
import type { Destination } from '../../src/interfaces/destination';
import type { EventStore } from '../../src/interfaces/event-store';
import type { Log } from '../../src/interfaces/log';
import type { Runtime } from '../../src/interfaces/runtime';
import { DeadLetterService } from '../../src/services/delivery/dead-letter-service';
import { DeliveryWorker } from '../../src/services/delivery/delivery-worker';
import { Catalogue } from '../../src/services/events/catalogue';
import { EventFeed } from '../../src/services/events/event-feed';
import { EventService } from '../../src/services/events/event-service';
import { Retention } from '../../src/services/upkeep/retention';
import type { Profile } from './profile';
import type { Send, SendLog } from './send-log';
import type { SimulatedProcess } from './simulated-process';
import type { SimulatedUpstream } from './simulated-upstream';

/** A real gateway but for its HTTP edge, in one simulated process. */
export interface GatewayProcess {
  readonly process: SimulatedProcess;
  readonly events: EventService;
  readonly worker: DeliveryWorker;
  readonly deadLetters: DeadLetterService;
  readonly destinations: readonly Destination[];
  /** As SIGTERM does; resolves when the process may end. */
  stop(): Promise<void>;
}

export interface GatewayProcessParts {
  readonly process: SimulatedProcess;
  readonly store: EventStore;
  readonly profile: Profile;
  readonly upstreams: ReadonlyMap<string, SimulatedUpstream>;
  readonly sends: SendLog;
  /** What retention takes for its clock: the process's own, but for a planted bug. */
  readonly retentionRuntime: Runtime;
  readonly changeDestination: (destination: Destination) => Destination;
}

export const LEASE_MS = 20_000;
const ATTEMPT_TIMEOUT_MS = 5_000;
const DAY_MS = 86_400_000;
export const EVENT_NAMES = ['purchase', 'login'] as const;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

const catalogue = (): Catalogue =>
  new Catalogue(EVENT_NAMES.map((name) => ({ name, description: name, points: 1, requires: [] })));

/** Builds it as the composition root does; nothing runs before `startGateway`. */
export function buildGateway(parts: GatewayProcessParts): GatewayProcess {
  const { process, store, profile, retentionRuntime } = parts;
  const destinations = destinationsFor(parts);
  const feed = new EventFeed();
  const worker = new DeliveryWorker({
    destinations,
    store,
    runtime: process,
    feed,
    log: silent,
    circuitCooldownMs: 3_000,
    settings: {
      leaseMs: LEASE_MS,
      attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
      drainMs: 8_000,
      schedule: { baseMs: 1_000, maxMs: 20_000, forMs: profile.retryForMs },
    },
  });
  const events = new EventService({
    store,
    runtime: process,
    catalogue: catalogue(),
    feed,
    destinations: () => destinations,
    backlogMax: 1_000,
    maxAgeMs: 7 * DAY_MS,
    maxAheadMs: 300_000,
  });
  const deadLetters = new DeadLetterService({
    store,
    runtime: process,
    destinations: () => destinations,
    nudge: (name) => worker.nudge(name),
  });
  const retention = new Retention({ store, runtime: retentionRuntime, log: silent, retentionMs: 8 * DAY_MS });
  void worker.start().then(() => retention.start());
  const stop = async () => {
    events.stopWaiting();
    await worker.stop();
    await retention.stop();
    await events.idle();
  };
  return { process, events, worker, deadLetters, destinations, stop };
}

function destinationsFor({
  process,
  profile,
  upstreams,
  sends,
  changeDestination,
}: GatewayProcessParts): Destination[] {
  const { concurrency, ratePerSecond } = profile;
  const common = { events: '*', mode: 'live', concurrency, url: 'http://upstream' } as const;
  const clientOf = (name: string) => new SimulatedClient(process, upstreams.get(name));
  const [adsClient, apiClient] = [clientOf('ads'), clientOf('api')];
  const ads = new AdEventsXDestination(
    { ...common, name: 'ads', ratePerSecond, apiKey: 'key' },
    adsClient as unknown as UpstreamClient,
  );
  const api = new EventApiDestination(
    {
      ...common,
      ...(profile.batches && { maxBatch: 4, batchMode: 'perItem' }),
      events: ['purchase'],
      name: 'api',
      ratePerSecond: null,
      apiKey: null,
    },
    apiClient as unknown as UpstreamClient,
  );
  return [
    changeDestination(observe(ads, adsClient, process, sends)),
    changeDestination(observe(api, apiClient, process, sends)),
  ];
}

/** Stands where UpstreamClient does, in front of the simulated network. */
class SimulatedClient {
  sends: readonly Send[] = [];

  constructor(
    private readonly process: SimulatedProcess,
    private readonly upstream: SimulatedUpstream | undefined,
  ) {}

  call(request: UpstreamRequest) {
    if (this.upstream === undefined) throw new Error('there is no such upstream');
    return this.upstream.call(this.process, this.sends, request);
  }

  close(): void {
    // There are no sockets.
  }
}

/** Each call is written down before it leaves. */
function observe<D extends Destination>(
  destination: D,
  client: SimulatedClient,
  process: SimulatedProcess,
  sends: SendLog,
): D {
  const send = destination.send.bind(destination);
  destination.send = (parcels, signal) => {
    client.sends = sends.begin(process, destination.name, parcels);
    return send(parcels, signal);
  };
  return destination;
}
