import type { Parcel } from '../../interfaces/destination';
import type { AcceptedEvent } from '../../types/event';
import { UpstreamClient } from '../http/upstream-client';
import { AdEventsXDestination } from './adeventsx-destination';
import { EventApiDestination } from './event-api-destination';
import { WebhookDestination, webhookHeaders } from './webhook-destination';
import { DestinationSet } from './destination-set';
import { isJsonYes } from './http-destination';
import { joinPayloads, readItemStatuses } from './batch-body';

const client = new UpstreamClient({ maxSockets: 1 });
afterAll(() => client.close());

const common = {
  name: 'd',
  url: 'http://127.0.0.1:9',
  events: '*',
  concurrency: 1,
  ratePerSecond: null,
  mode: 'live',
} as const;
const event: AcceptedEvent = {
  eventId: '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11',
  clientId: 'c',
  userId: 'u',
  eventName: 'purchase',
  eventTimeSeconds: 1_700_000_000,
  valueCents: 101,
  currency: null,
  campaignId: 'spring',
  clickId: null,
  properties: '{"id":"forged","colour":"red","lat":277.199999999999989}',
  deliverAt: null,
  acceptedAt: 1_700_000_000_500,
};
const payloadOf = (destination: { toPayload(event: AcceptedEvent): Buffer }) => destination.toPayload(event).toString();

describe('the payloads', () => {
  it('of AdEventsX are its seven keys', () => {
    expect(payloadOf(new AdEventsXDestination({ ...common, apiKey: 'k' }, client))).toBe(
      `{"id":"${event.eventId}","user":"u","name":"purchase","ts":1700000000,"value_cents":101,"campaign":"spring","source":"internal_martech"}`,
    );
  });

  it('of the event API are its three keys and what the event came with, which cannot replace them', () => {
    expect(payloadOf(new EventApiDestination({ ...common, apiKey: null }, client))).toBe(
      `{"id":"${event.eventId}","name":"purchase","userId":"u","valueCents":101,"campaignId":"spring","colour":"red","lat":277.199999999999989}`,
    );
  });

  it('of a webhook are type, time and data', () => {
    const webhook = new WebhookDestination({ ...common, secrets: [], allowPrivateNetwork: true }, client, Date);
    expect(JSON.parse(payloadOf(webhook))).toEqual({
      type: 'purchase',
      timestamp: '2023-11-14T22:13:20.000Z',
      data: {
        event_id: event.eventId,
        user_id: 'u',
        value_cents: 101,
        currency: null,
        campaign_id: 'spring',
        click_id: null,
        properties: { id: 'forged', colour: 'red', lat: 277.2 },
      },
    });
  });
});

describe('the signature of a webhook', () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const body = Buffer.from('{"test": 2432232314}');

  it("is the specification's own example", () => {
    expect(webhookHeaders('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, body, [key])).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('stands once for each secret, so that one can be replaced', () => {
    const one = (secret: Buffer) => webhookHeaders('m', 1, body, [secret])['webhook-signature'];
    const other = Buffer.alloc(32, 1);
    expect(webhookHeaders('m', 1, body, [other, key])['webhook-signature']).toBe(`${one(other)} ${one(key)}`);
  });
});

describe('a 2xx', () => {
  it.each(['', '{}', '{"status":"accepted"}', '{"success":true,"id":"1"}', '[]'])('with %j is a yes', (body) => {
    expect(isJsonYes(Buffer.from(body))).toBe(true);
  });
  it.each(['<html>', '{', 'null', '1', '{"error":"x"}', '{"status":"failed"}', '{"success":false}'])(
    'with %j is not',
    (body) => {
      expect(isJsonYes(Buffer.from(body))).toBe(false);
    },
  );
});

describe('a batch', () => {
  const parcels: Parcel[] = ['a', 'b', 'c'].map((eventId) => ({
    eventId,
    attempt: 1,
    payload: Buffer.from(`{"id":"${eventId}"}`),
    requestId: null,
  }));
  const contract = new EventApiDestination({ ...common, apiKey: null, maxBatch: 3, batchMode: 'perItem' }, client)
    .contract;
  const named = { ...contract, batchMode: 'atomicNamed' } as const;

  it('is an array of the payloads, byte by byte, also of one', () => {
    expect(joinPayloads(parcels, contract).toString()).toBe('[{"id":"a"},{"id":"b"},{"id":"c"}]');
    expect(joinPayloads(parcels.slice(0, 1), contract).toString()).toBe('[{"id":"a"}]');
  });

  it('is no array where one event goes by itself', () => {
    const single = { ...contract, maxBatch: 1 };
    expect(joinPayloads(parcels.slice(0, 1), single).toString()).toBe('{"id":"a"}');
    expect(() => joinPayloads(parcels, single)).toThrow('one event per call');
  });

  it.each<[string, unknown, unknown]>([
    ['a list', [{ status: 202 }, { status: 400 }, { status: '202' }], [202, 400, null]],
    ['results', { results: [{ status: 202 }, null, { status: 99 }] }, [202, null, null]],
    ['a list that is too short', [{ status: 202 }], null],
    ['something else', { ok: true }, null],
  ])('is read item by item from %s', (_name, answer, expected) => {
    expect(readItemStatuses(Buffer.from(JSON.stringify(answer)), parcels, contract)).toEqual(expected);
  });

  it.each<[string, unknown, unknown]>([
    ['an index', { errors: [{ index: 1 }] }, [null, 400, null]],
    ['an id', { errors: [{ id: 'c', detail: 'x' }, { index: 0 }] }, [400, null, 400]],
    ['one that is not there', { errors: [{ index: 7 }] }, null],
    ['no names', { error: 'bad' }, null],
  ])('is read for those at fault from %s', (_name, answer, expected) => {
    expect(readItemStatuses(Buffer.from(JSON.stringify(answer)), parcels, named)).toEqual(expected);
  });

  it('is not read from garbage', () => {
    expect(readItemStatuses(Buffer.from('<html>'), parcels, contract)).toBeNull();
  });
});

describe('the set of destinations', () => {
  it('keeps what has not changed and gives back what has gone', () => {
    const set = new DestinationSet(Date);
    const definition = { ...common, type: 'adeventsx', apiKey: 'k' } as const;
    expect(set.replace([definition, { ...definition, name: 'e' }])).toEqual([]);
    const [d, e] = set.current();
    expect(set.replace([{ ...definition }, { ...definition, name: 'e', apiKey: 'new' }])).toEqual([e]);
    expect(set.current()[0]).toBe(d);
    expect(set.current()[1]).not.toBe(e);
    expect(set.replace([]).map(({ name }) => name)).toEqual(['d', 'e']);
    expect(set.current()).toEqual([]);
  });
});
