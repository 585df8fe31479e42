import { AdEventsXDestination } from '../../src/external-services/destinations/adeventsx-destination';
import { EventApiDestination } from '../../src/external-services/destinations/event-api-destination';
import { WebhookDestination } from '../../src/external-services/destinations/webhook-destination';
import type { UpstreamClient, UpstreamRequest } from '../../src/external-services/http/upstream-client';
import type { Destination } from '../../src/interfaces/destination';
import type { Dice } from './dice';
import type { Profile } from './profile';
import type { Send, SendLog } from './send-log';
import type { SimulatedProcess } from './simulated-process';
import type { SimulatedUpstream } from './simulated-upstream';

export type DestinationName = 'ads' | 'api' | 'hook';

/** One entry of the file; a change of it makes another destination under the same name. */
interface Entry {
  readonly name: DestinationName;
  readonly concurrency: number;
}

/** The file of destinations, one for all processes: each reads it at its start and on SIGHUP. */
export class DestinationsFile {
  private readonly whole: readonly Entry[];
  entries: readonly Entry[];

  constructor({ concurrency, hookMode }: Profile) {
    const names: DestinationName[] = hookMode === null ? ['ads', 'api'] : ['ads', 'api', 'hook'];
    this.whole = names.map((name) => ({ name, concurrency }));
    this.entries = this.whole;
  }

  /** Somebody edits it: one entry goes, comes back or is changed. */
  edit(dice: Dice): string {
    const { name } = dice.pick(this.whole);
    const rest = this.entries.filter((entry) => entry.name !== name);
    const goes = rest.length < this.entries.length && dice.chance(0.5);
    this.entries = goes ? rest : [...rest, { name, concurrency: dice.between(1, 8) }];
    return `${goes ? 'without' : 'with another'} ${name}`;
  }

  restore(): void {
    this.entries = this.whole;
  }
}

export interface SimulatedDestinationsParts {
  readonly process: SimulatedProcess;
  readonly profile: Profile;
  readonly file: DestinationsFile;
  readonly upstreams: ReadonlyMap<string, SimulatedUpstream>;
  readonly sends: SendLog;
  /** A planted bug's hand. */
  readonly changeDestination: (destination: Destination) => Destination;
}

/** The destinations of one process as it last read them. An entry that has not changed stays the same object, as in DestinationSet. */
export class SimulatedDestinations {
  private made: readonly { readonly entry: Entry; readonly destination: Destination }[] = [];
  private destinations: readonly Destination[] = [];

  constructor(private readonly parts: SimulatedDestinationsParts) {
    this.read();
  }

  current(): readonly Destination[] {
    return this.destinations;
  }

  read(): void {
    const before = this.made;
    this.made = this.parts.file.entries.map(
      (entry) => before.find((known) => known.entry === entry) ?? { entry, destination: this.make(entry) },
    );
    this.destinations = this.made.map(({ destination }) => destination);
  }

  private make({ name, concurrency }: Entry): Destination {
    const { process, upstreams, sends, changeDestination } = this.parts;
    const client = new SimulatedClient(process, upstreams.get(name));
    const destination = this.makePlain(name, concurrency, client as unknown as UpstreamClient);
    const send = destination.send.bind(destination);
    // Each call is written down before it leaves.
    destination.send = (parcels, signal) => {
      client.sends = sends.begin(process, destination, parcels);
      return send(parcels, signal);
    };
    sends.replaced(process, name);
    return changeDestination(destination);
  }

  private makePlain(name: DestinationName, concurrency: number, client: UpstreamClient): Destination {
    const { process, profile } = this.parts;
    const common = { name, mode: 'live', concurrency, url: 'http://upstream', ratePerSecond: null } as const;
    const { ratePerSecond, batches, hookMode } = profile;
    if (name === 'ads')
      return new AdEventsXDestination({ ...common, events: '*', ratePerSecond, apiKey: 'key' }, client);
    if (name === 'api') {
      const batching = batches && ({ maxBatch: 4, batchMode: 'perItem' } as const);
      return new EventApiDestination({ ...common, ...batching, events: ['purchase'], apiKey: null }, client);
    }
    const batching = hookMode !== null && hookMode !== 'single' && { maxBatch: 4, batchMode: hookMode };
    const own = { events: '*', secrets: ['whsec_c2VjcmV0'], allowPrivateNetwork: false } as const;
    return new WebhookDestination({ ...common, ...batching, ...own }, client, process);
  }
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
