import type { DestinationContract, Parcel, UpstreamAnswer } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import { type ExactObject, readWrittenJson, writeJson } from '../../types/exact-json';
import type { UpstreamClient } from '../http/upstream-client';
import { batchContract, joinPayloads, readItemStatuses } from './batch-body';
import type { EventApiDefinition } from './destination-definition';
import { HttpDestination, isJsonYes } from './http-destination';

/** The external event API that `POST /addEvent` forwards to: its own `POST {url}/addEvent`. */
export class EventApiDestination extends HttpDestination {
  readonly type = 'event-api';
  readonly contract: DestinationContract;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(
    private readonly definition: EventApiDefinition,
    client: UpstreamClient,
  ) {
    super(definition, client);
    this.headers = definition.apiKey === null ? {} : { 'X-Api-Key': definition.apiKey };
    this.contract = {
      ...batchContract(definition),
      maxAgeMs: definition.maxAgeMs ?? null,
      dedupKeys: ['id'],
      dedupWindowMs: definition.dedupWindowMs ?? null,
      testMode: true,
      conflictMeansDelivered: false,
      // It fails for a while now and then: few failures are enough to leave it alone, and it is loaded again little by little.
      circuit: { failuresInWindow: 3, windowMs: 30_000, probesToClose: 5 },
    };
  }

  /** Its own three fields first, then those that the event came with; none of these can take the place of the first. */
  toPayload(event: AcceptedEvent): Buffer {
    const { eventId: id, eventName: name, userId, valueCents, currency, campaignId, clickId, properties } = event;
    const own = { id, name, userId };
    const sent = properties === null ? {} : (readWrittenJson(properties) as ExactObject);
    const known = Object.entries({ valueCents, currency, campaignId, clickId }).filter(([, value]) => value !== null);
    return Buffer.from(writeJson({ ...own, ...Object.fromEntries(known), ...sent, ...own }));
  }

  send(parcels: readonly Parcel[], signal: AbortSignal): Promise<UpstreamAnswer> {
    const body = joinPayloads(parcels, this.contract);
    return this.post(`${this.definition.url}/addEvent`, parcels, { headers: this.headers, body, signal });
  }

  /** It says `{"success":true}`. An empty body is taken for a yes; HTML, garbage and an `error` are not. */
  isAccepted(body: Buffer): boolean {
    return isJsonYes(body);
  }

  itemStatuses(body: Buffer, parcels: readonly Parcel[]): readonly (number | null)[] | null {
    return readItemStatuses(body, parcels, this.contract);
  }
}
