import type { Destination, DestinationContract, Parcel, UpstreamAnswer } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import type { UpstreamClient } from '../http/upstream-client';

const DAY_MS = 24 * 3_600_000;

export interface AdEventsXSettings {
  readonly name: string;
  /** The whole URL of its conversions endpoint. */
  readonly url: string;
  readonly apiKey: string;
  /** The event names it wants; `*` for all. */
  readonly events: '*' | readonly string[];
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  readonly mode: 'live' | 'test' | 'off';
}

/** AdEventsX: one conversion per call, named by its id. */
export class AdEventsXDestination implements Destination {
  readonly type = 'adeventsx';
  readonly contract: DestinationContract = {
    maxBatch: 1,
    batchMode: 'none',
    maxAgeMs: null,
    dedupKeys: ['id'],
    dedupWindowMs: 7 * DAY_MS,
    testMode: false,
    conflictMeansDelivered: true,
  };
  readonly name: string;
  readonly mode: 'live' | 'test' | 'off';
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  private readonly wanted: ReadonlySet<string> | null;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    private readonly settings: AdEventsXSettings,
    private readonly client: UpstreamClient,
  ) {
    this.name = settings.name;
    this.mode = settings.mode;
    this.concurrency = settings.concurrency;
    this.ratePerSecond = settings.ratePerSecond;
    this.wanted = settings.events === '*' ? null : new Set(settings.events);
    this.headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'X-Api-Key': settings.apiKey };
  }

  wants(eventName: string): boolean {
    return this.wanted === null || this.wanted.has(eventName);
  }

  /** Exactly its seven keys. An event without a value counts 0 cents; one without a campaign says so with null. */
  toPayload(event: AcceptedEvent): Buffer {
    return Buffer.from(
      JSON.stringify({
        id: event.eventId,
        user: event.userId,
        name: event.eventName,
        ts: event.eventTimeSeconds,
        value_cents: event.valueCents ?? 0,
        campaign: event.campaignId,
        source: 'internal_martech',
      }),
    );
  }

  send(parcels: readonly Parcel[], signal: AbortSignal): Promise<UpstreamAnswer> {
    const [parcel] = parcels;
    if (parcel === undefined || parcels.length > 1) throw new Error('AdEventsX takes one conversion per call');
    const headers = { ...this.headers, 'X-Request-Id': `${parcel.eventId}.${String(parcel.attempt)}` };
    return this.client.call({ method: 'POST', url: this.settings.url, headers, body: parcel.payload, signal });
  }

  /** It says `{"status":"accepted"}`. An empty body is taken for a yes; HTML, garbage and an `error` are not. */
  isAccepted(body: Buffer): boolean {
    if (body.length === 0) return true;
    try {
      const answer: unknown = JSON.parse(body.toString('utf8'));
      if (typeof answer !== 'object' || answer === null) return false;
      const { status, error } = answer as { status?: unknown; error?: unknown };
      return error === undefined && (typeof status !== 'string' || !/^(error|failed|rejected)$/i.test(status));
    } catch {
      return false;
    }
  }

  /** The client is shared; whoever made it closes it. */
  close(): void {
    this.client.close();
  }
}
