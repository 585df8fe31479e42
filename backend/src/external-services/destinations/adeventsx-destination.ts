import type { DestinationContract, DeliveryRequest, UpstreamAnswer } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import type { UpstreamClient } from '../http/upstream-client';
import type { AdEventsXDefinition } from './destination-definition';
import { HttpDestination, isJsonYes } from './http-destination';

const DAY_MS = 24 * 3_600_000;

/** AdEventsX: one conversion per call, named by its id. */
export class AdEventsXDestination extends HttpDestination {
  readonly type = 'adeventsx';
  readonly contract: DestinationContract;

  constructor(
    private readonly definition: AdEventsXDefinition,
    client: UpstreamClient,
  ) {
    super(definition, client);
    this.contract = {
      maxBatch: 1,
      batchMode: 'none',
      maxAgeMs: definition.maxAgeMs ?? null,
      dedupKeys: ['id'],
      dedupWindowMs: definition.dedupWindowMs ?? 7 * DAY_MS,
      testMode: true,
      conflictMeansDelivered: true,
      alsoRetry: definition.retry?.alsoRetry ?? [],
    };
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

  send(requests: readonly DeliveryRequest[], signal: AbortSignal): Promise<UpstreamAnswer> {
    const [request] = requests;
    if (request === undefined || requests.length > 1) throw new Error('AdEventsX takes one conversion per call');
    const headers = { 'X-Api-Key': this.definition.apiKey };
    return this.post(this.definition.url, requests, { headers, body: request.payload, signal });
  }

  /** It says `{"status":"accepted"}`. An empty body is taken for a yes; HTML, garbage and an `error` are not. */
  isAccepted(body: Buffer | null): boolean {
    return isJsonYes(body);
  }
}
