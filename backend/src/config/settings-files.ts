import { DestinationSet } from '../external-services/destinations/destination-set';
import type { DestinationDefinition } from '../external-services/destinations/destination-definition';
import { JwtSigner } from '../external-services/tokens/jwt-signer';
import { hmacTokenKey, type TokenKeys } from '../external-services/tokens/token-key';
import type { Log } from '../interfaces/log';
import type { Runtime } from '../interfaces/runtime';
import type { UpstreamCounts } from '../interfaces/upstream-counts';
import { ClientRegistry } from '../services/auth/client-registry';
import type { DeliveryWorker } from '../services/delivery/delivery-worker';
import { Catalogue } from '../services/events/catalogue';
import { readClientsFile } from './clients';
import type { Config } from './config';
import { readDestinationsFile } from './destinations';
import { readCatalogueFile } from './events';
import { readTlsFiles, readTokenKeysFile, type TlsPair } from './pem';
import { watchFile } from './watch';
import { SettingsFileError, SettingsFilesError } from './yaml';

/** The keys that tokens are signed by, and those of TLS. */
export class SettingsKeys {
  /** What the server must do with a new certificate. */
  onNewTls: (pair: TlsPair) => void = () => undefined;

  constructor(
    private readonly config: Config,
    readonly signer: JwtSigner,
    readonly tls: TlsPair | null,
  ) {}

  /** @throws SettingsFileError, and then nothing has changed */
  async reloadTokenKeys(): Promise<void> {
    this.signer.replace(await readTokenKeys(this.config));
  }

  /** @throws SettingsFileError, and then nothing has changed */
  async reloadTls(): Promise<void> {
    const pair = await readTls(this.config);
    if (pair !== null) this.onNewTls(pair);
  }
}

/** A client that was taken out of the file is refused within a minute, also when nobody sends a signal. */
const CLIENTS_LOOKED_AT_EVERY_MS = 20_000;

/** What the process reads from files: at the start, where a fault ends it, and again on SIGHUP, where a faulty file changes nothing. */
export class SettingsFiles {
  private reloading = Promise.resolve();
  private stopWatching: () => void = () => undefined;

  private constructor(
    private readonly config: Config,
    readonly clients: ClientRegistry,
    readonly catalogue: Catalogue,
    readonly destinations: DestinationSet,
    readonly keys: SettingsKeys,
  ) {}

  /** @throws SettingsFilesError naming every fault of every file with its line */
  static async read(config: Config, runtime: Runtime, counts: UpstreamCounts): Promise<SettingsFiles> {
    const faulty: [string, SettingsFileError][] = [];
    const orFault = async <T>(setting: string, reading: Promise<T>): Promise<T | null> => {
      try {
        return await reading;
      } catch (error) {
        if (!(error instanceof SettingsFileError)) throw error;
        faulty.push([setting, error]);
        return null;
      }
    };
    const clients = await orFault('CLIENTS_FILE', readClientsFile(config.clientsFile, config));
    const tokenKeys = await orFault('JWT_KEY_FILE', readTokenKeys(config));
    const tls = await orFault('TLS_CERT_FILE, TLS_KEY_FILE', readTls(config));
    const entries = await orFault('EVENTS_FILE', readCatalogueFile(config.eventsFile, config.lookup));
    const catalogue = entries && new Catalogue(entries);
    const definitions = await orFault('DESTINATIONS_FILE', readDefinitions(config, catalogue));
    if (faulty.length > 0 || !clients || !tokenKeys || !catalogue || !definitions) throw new SettingsFilesError(faulty);
    const destinations = new DestinationSet(runtime, { counts, proxy: config.proxy });
    destinations.replace(definitions);
    const keys = new SettingsKeys(config, new JwtSigner(tokenKeys), tls);
    return new SettingsFiles(config, new ClientRegistry(clients), catalogue, destinations, keys);
  }

  /** Takes the clients over as soon as their file has changed, until it is closed. */
  watchClients(runtime: Runtime, log: Log): void {
    const path = this.config.clientsFile;
    this.stopWatching = watchFile(path, CLIENTS_LOOKED_AT_EVERY_MS, runtime, () => this.reloadClients(log));
  }

  /** Logs what is set in vain, or is missing and has a makeshift in its place. */
  warn(log: Log): void {
    for (const { name, fields } of this.config.warnings()) log.warn(fields, name);
    this.warnWithoutDestination(log);
    if (this.config.isJwtKeyMade) log.warn({ setting: 'JWT_SECRET' }, 'settings.jwt_key_made');
  }

  /** A gateway that keeps events and sends them nowhere is rarely meant. */
  private warnWithoutDestination(log: Log): void {
    if (this.destinations.current().length === 0) log.warn({}, 'settings.no_destination');
  }

  private async reloadClients(log: Log): Promise<void> {
    const { config, clients } = this;
    await takeOver('CLIENTS_FILE', log, async () => clients.replace(await readClientsFile(config.clientsFile, config)));
  }

  /** Takes over what has changed in the files, one reload after the other; a failure of one does not keep the next from being made. */
  reload(worker: DeliveryWorker, log: Log): Promise<void> {
    const reloaded = this.reloading.then(() => this.readAgain(worker, log));
    this.reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  /** Ends the watching, and closes the destinations once no reload replaces them any more. */
  async close(): Promise<void> {
    this.stopWatching();
    await this.reloading;
    this.destinations.close();
  }

  /**
   * Reads each file again and takes over those without a fault; the faults of the others are logged and change nothing. Resolves when
   * the attempts in flight to destinations that have gone are over.
   */
  private async readAgain(worker: DeliveryWorker, log: Log): Promise<void> {
    const { config, catalogue, destinations, keys } = this;
    await this.reloadClients(log);
    await takeOver('JWT_KEY_FILE', log, () => keys.reloadTokenKeys());
    await takeOver('TLS_CERT_FILE', log, () => keys.reloadTls());
    await takeOver('EVENTS_FILE', log, async () =>
      catalogue.replace(await readCatalogueFile(config.eventsFile, config.lookup)),
    );
    await takeOver('DESTINATIONS_FILE', log, async () => {
      const dropped = destinations.replace(await readDefinitions(config, catalogue));
      await worker.replace(destinations.current());
      for (const destination of dropped) destination.close();
      this.warnWithoutDestination(log);
    });
  }
}

async function takeOver(setting: string, log: Log, read: () => Promise<void>): Promise<void> {
  try {
    await read();
    log.info({ setting }, 'settings.reloaded');
  } catch (error) {
    if (!(error instanceof SettingsFileError)) throw error;
    for (const fault of error.faults) log.error({ setting, path: error.path, fault }, 'settings.refused');
  }
}

/** Without a file, two settings make the destinations; `event-api` then gets only what `/addEvent` takes. */
async function readDefinitions(config: Config, catalogue: Catalogue | null): Promise<DestinationDefinition[]> {
  const { destinationsFile, adeventsxUrl, adeventsxApiKey, eventApiUrl, deliveryConcurrency: concurrency } = config;
  if (destinationsFile !== null) {
    const eventNames = catalogue?.names() ?? null;
    return readDestinationsFile(destinationsFile, { lookup: config.lookup, eventNames, concurrency });
  }
  const common = { concurrency, ratePerSecond: null, mode: 'live' } as const;
  const definitions: DestinationDefinition[] = [];
  if (adeventsxUrl !== null && adeventsxApiKey !== null) {
    definitions.push({
      ...common,
      type: 'adeventsx',
      name: 'adeventsx',
      url: adeventsxUrl,
      apiKey: adeventsxApiKey,
      events: '*',
    });
  }
  if (eventApiUrl !== null) {
    definitions.push({ ...common, type: 'event-api', name: 'event-api', url: eventApiUrl, apiKey: null, events: [] });
  }
  return definitions;
}

/** The keys of tokens that the settings name. @throws SettingsFileError */
async function readTokenKeys(config: Config): Promise<TokenKeys> {
  if (config.jwtKeyFile !== null) return readTokenKeysFile(config.jwtKeyFile);
  const [first, ...others] = config.jwtKeys.map(hmacTokenKey);
  if (first === undefined) throw new Error('no JWT key is configured');
  return [first, ...others];
}

/** The certificate and its key, where the settings name them. @throws SettingsFileError */
async function readTls({ tlsCertFile, tlsKeyFile }: Config): Promise<TlsPair | null> {
  return tlsCertFile !== null && tlsKeyFile !== null ? readTlsFiles(tlsCertFile, tlsKeyFile) : null;
}
