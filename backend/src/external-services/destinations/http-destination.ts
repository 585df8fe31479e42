import type { Destination, DestinationContract, Parcel, UpstreamAnswer } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import type { UpstreamClient } from '../http/upstream-client';
import type { DestinationDefinitionBase } from './destination-definition';

/** What all destinations behind HTTP have in common. */
export abstract class HttpDestination implements Destination {
  abstract readonly type: string;
  abstract readonly contract: DestinationContract;
  readonly name: string;
  readonly mode: 'live' | 'test' | 'off';
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  private readonly wanted: ReadonlySet<string> | null;
  private readonly common: Readonly<Record<string, string>>;

  constructor(
    definition: DestinationDefinitionBase,
    private readonly client: UpstreamClient,
  ) {
    this.name = definition.name;
    this.mode = definition.mode;
    this.concurrency = definition.concurrency;
    this.ratePerSecond = definition.ratePerSecond;
    this.wanted = definition.events === '*' ? null : new Set(definition.events);
    // The payload is made once and may be sent in either mode: what marks a test is the call.
    this.common = {
      'Content-Type': 'application/json',
      ...(this.mode === 'test' ? { 'X-Test-Mode': 'true' } : {}),
    };
  }

  wants(eventName: string): boolean {
    return this.wanted === null || this.wanted.has(eventName);
  }

  abstract toPayload(event: AcceptedEvent): Buffer;
  abstract send(parcels: readonly Parcel[], signal: AbortSignal): Promise<UpstreamAnswer>;
  abstract isAccepted(body: Buffer): boolean;

  close(): void {
    this.client.close();
  }

  /** Posts JSON, with the id of the first event's request, by which the logs of its client, ours and the upstream's can be laid side by side. */
  protected post(
    url: string,
    parcels: readonly Parcel[],
    { headers, body, signal }: { headers: Readonly<Record<string, string>>; body: Buffer; signal: AbortSignal },
  ): Promise<UpstreamAnswer> {
    const [first] = parcels;
    const requestId = first === undefined ? '' : (first.requestId ?? `${first.eventId}.${String(first.attempt)}`);
    return this.client.call({
      method: 'POST',
      url,
      headers: { ...this.common, ...headers, 'X-Request-Id': requestId },
      body,
      signal,
    });
  }
}

/** Whether a 2xx's body is a yes: JSON without an `error`, or nothing at all. HTML and garbage are not. */
export function isJsonYes(body: Buffer): boolean {
  if (body.length === 0) return true;
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    if (typeof answer !== 'object' || answer === null) return false;
    const { status, error, success } = answer as { status?: unknown; error?: unknown; success?: unknown };
    const saysNo = typeof status === 'string' && /^(error|failed|rejected)$/i.test(status);
    return error === undefined && success !== false && !saysNo;
  } catch {
    return false;
  }
}
