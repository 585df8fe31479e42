import type { Destination, DestinationContract, DeliveryRequest, UpstreamAnswer } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import type { UpstreamClient } from '../http/upstream-client';
import { isBlank, isRecord, parseJson, saysError, toNumber } from '../http/json-answer';
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
  abstract send(requests: readonly DeliveryRequest[], signal: AbortSignal): Promise<UpstreamAnswer>;
  abstract isAccepted(body: Buffer | null): boolean;

  close(): void {
    this.client.close();
  }

  /** Posts JSON, with the id of the first event's request, by which the logs of its client, ours and the upstream's can be laid side by side. */
  protected post(
    url: string,
    requests: readonly DeliveryRequest[],
    { headers, body, signal }: { headers: Readonly<Record<string, string>>; body: Buffer; signal: AbortSignal },
  ): Promise<UpstreamAnswer> {
    const [first] = requests;
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

/**
 * Whether a 2xx's body is a yes: JSON that speaks of no error, or nothing at all. HTML, garbage, and what could not be read (null)
 * are not.
 */
export function isJsonYes(body: Buffer | null): boolean {
  if (body === null) return false;
  if (isBlank(body)) return true;
  const answer = parseJson(body);
  if (Array.isArray(answer)) return true;
  return isRecord(answer) && !saysError(answer) && !isFailedStatus(answer['status']);
}

/** `{"status":"failed"}`, or the status of HTTP once more, as problem documents have it (RFC 9457). */
function isFailedStatus(status: unknown): boolean {
  const number = toNumber(status);
  if (number !== null) return number >= 400 && number < 600;
  return typeof status === 'string' && /^(error|fail(ed|ure)?|rejected|refused|denied|invalid)$/i.test(status);
}
