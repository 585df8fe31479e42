import { createHash, createHmac } from 'node:crypto';

import type { DestinationContract, Parcel, UpstreamAnswer } from '../../interfaces/destination';
import type { Runtime } from '../../interfaces/runtime';
import type { AcceptedEvent } from '../../types/event';
import { JsonText, writeJson } from '../../types/exact-json';
import type { UpstreamClient } from '../http/upstream-client';
import { batchContract, joinPayloads, readItemStatuses } from './batch-body';
import type { WebhookDefinition } from './destination-definition';
import { HttpDestination } from './http-destination';

/** What a secret begins with when it is written down. */
export const SECRET_PREFIX = 'whsec_';

/**
 * The three headers of the Standard Webhooks specification, version 1.0.0: every secret signs id, time and body, so that a
 * receiver who knows one of them, the old or the new, can check.
 */
export function webhookHeaders(
  id: string,
  timestampSeconds: number,
  body: Buffer,
  keys: readonly Buffer[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(timestampSeconds);
  const signatures = keys.map((key) => {
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body);
    return `v1,${mac.digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/** Any receiver of webhooks that follows the Standard Webhooks specification. */
export class WebhookDestination extends HttpDestination {
  readonly type = 'webhook';
  readonly contract: DestinationContract;
  private readonly keys: readonly Buffer[];

  constructor(
    private readonly definition: WebhookDefinition,
    client: UpstreamClient,
    private readonly runtime: Pick<Runtime, 'now'>,
  ) {
    super(definition, client);
    this.keys = definition.secrets.map((secret) => Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64'));
    this.contract = {
      ...batchContract(definition),
      maxAgeMs: definition.maxAgeMs ?? null,
      dedupKeys: ['webhook-id'],
      dedupWindowMs: definition.dedupWindowMs ?? null,
      testMode: true,
      conflictMeansDelivered: false,
    };
  }

  /** Its `timestamp` is when the event happened; when it is sent stands in the headers of each attempt. */
  toPayload(event: AcceptedEvent): Buffer {
    return Buffer.from(
      writeJson({
        type: event.eventName,
        timestamp: new Date(event.eventTimeSeconds * 1000).toISOString(),
        data: {
          event_id: event.eventId,
          user_id: event.userId,
          value_cents: event.valueCents,
          currency: event.currency,
          campaign_id: event.campaignId,
          click_id: event.clickId,
          properties: event.properties === null ? null : new JsonText(event.properties),
        },
      }),
    );
  }

  send(parcels: readonly Parcel[], signal: AbortSignal): Promise<UpstreamAnswer> {
    const body = joinPayloads(parcels, this.contract);
    const seconds = Math.floor(this.runtime.now() / 1000);
    const headers = webhookHeaders(idOf(parcels), seconds, body, this.keys);
    return this.post(this.definition.url, parcels, { headers, body, signal });
  }

  /** The specification asks for a 2xx and says nothing of a body. */
  isAccepted(): boolean {
    return true;
  }

  itemStatuses(body: Buffer, parcels: readonly Parcel[]): readonly (number | null)[] | null {
    return readItemStatuses(body, parcels, this.contract);
  }
}

/** The same events in one call have the same id on every attempt. */
function idOf(parcels: readonly Parcel[]): string {
  const ids = parcels.map(({ eventId }) => eventId);
  if (ids.length === 1) return ids.join('');
  return `batch_${createHash('sha256').update(ids.join()).digest('hex').slice(0, 32)}`;
}
