import type {
  Destination,
  DestinationContract,
  DeliveryRequest,
  UpstreamAnswer,
} from '../../src/interfaces/destination';
import type { AcceptedEvent } from '../../src/types/event';

const plainContract: DestinationContract = {
  maxBatch: 1,
  batchMode: 'none',
  maxAgeMs: null,
  dedupKeys: ['id'],
  dedupWindowMs: null,
  testMode: false,
  conflictMeansDelivered: false,
};

type Settings = Partial<Pick<Destination, 'name' | 'mode' | 'concurrency' | 'ratePerSecond'>> & {
  readonly contract?: Partial<DestinationContract>;
  readonly events?: '*' | readonly string[];
};

export const yes: UpstreamAnswer = { kind: 'response', status: 202, headers: {}, body: Buffer.alloc(0) };

/** An answer without a body. */
export function status(code: number, headers: Record<string, string> = {}): UpstreamAnswer {
  return { kind: 'response', status: code, headers, body: Buffer.alloc(0) };
}

/** A destination without a network: `answering` says what each call comes to, and every call is remembered. */
export class ScriptedDestination implements Destination {
  readonly type = 'scripted';
  readonly name: string;
  readonly mode: Destination['mode'];
  readonly concurrency: number;
  readonly ratePerSecond: number | null;
  readonly contract: DestinationContract;
  readonly calls: (readonly DeliveryRequest[])[] = [];
  isClosed = false;
  answering: (
    parcels: readonly DeliveryRequest[],
    call: number,
    signal: AbortSignal,
  ) => UpstreamAnswer | Promise<UpstreamAnswer> = () => yes;
  private readonly wanted: '*' | readonly string[];

  constructor({ contract, events = '*', ...settings }: Settings = {}) {
    this.name = settings.name ?? 'scripted';
    this.mode = settings.mode ?? 'live';
    this.concurrency = settings.concurrency ?? 8;
    this.ratePerSecond = settings.ratePerSecond ?? null;
    this.contract = { ...plainContract, ...contract };
    this.wanted = events;
  }

  wants(eventName: string): boolean {
    return this.wanted === '*' || this.wanted.includes(eventName);
  }

  toPayload(event: AcceptedEvent): Buffer {
    return Buffer.from(JSON.stringify({ id: event.eventId }));
  }

  async send(parcels: readonly DeliveryRequest[], signal: AbortSignal): Promise<UpstreamAnswer> {
    this.calls.push(parcels);
    return this.answering(parcels, this.calls.length - 1, signal);
  }

  itemStatuses?: (body: Buffer, parcels: readonly DeliveryRequest[]) => readonly (number | null)[] | null;

  isAccepted(): boolean {
    return true;
  }

  close(): void {
    this.isClosed = true;
  }
}
