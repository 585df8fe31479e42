import { ScriptedDestination } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { StoreUnavailableError } from '../../interfaces/event-store';
import type { AcceptedEvent } from '../../types/event';
import { Catalogue } from './catalogue';
import { EventFeed } from './event-feed';
import { EventService, type Routing } from './event-service';

const acceptedEvent: AcceptedEvent = {
  eventId: '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d11',
  clientId: 'client',
  userId: 'u',
  eventName: 'login',
  eventTimeSeconds: 0,
  valueCents: null,
  currency: null,
  campaignId: null,
  clickId: null,
  properties: null,
  deliverAt: null,
  acceptedAt: 0,
};

describe('where an event goes', () => {
  const named = new ScriptedDestination({ name: 'named', events: ['login'] });
  const all = new ScriptedDestination({ name: 'all' });
  const none = new ScriptedDestination({ name: 'none', events: [] });
  const off = new ScriptedDestination({ name: 'off', mode: 'off' });

  async function destinationsOf(eventName: string, routing?: Routing): Promise<string[]> {
    const runtime = new SimulatedRuntime({ seed: 1 });
    const service = new EventService({
      store: new MemoryEventStore({ runtime }),
      runtime,
      catalogue: new Catalogue([
        ...['login', 'lead'].map((name) => ({ name, description: '', points: 0, requires: [] })),
        { name: 'limited', description: '', points: 0, requires: [], destinations: ['all', 'none'] },
      ]),
      feed: new EventFeed(),
      destinations: () => [named, all, none, off],
      backlogMax: 10,
      maxAgeMs: 1_000,
      maxAheadMs: 1_000,
    });
    const input = { user_id: 'u', event_name: eventName, event_time_epoch: runtime.now() / 1000 };
    const event = { ...acceptedEvent, eventName, acceptedAt: runtime.now() };
    const taken = routing ? service.take(event, routing, false) : service.accept('client', input);
    const standing = await runtime.until(taken);
    return standing.deliveries.map(({ destination }) => destination);
  }

  it('is what wants its name', async () => {
    expect(await destinationsOf('login')).toEqual(['named', 'all']);
    expect(await destinationsOf('lead')).toEqual(['all']);
  });

  it('is of these only what the catalogue lets it go to', async () => {
    expect(await destinationsOf('limited')).toEqual(['all']);
  });

  it('is what the routing says instead, where there is one, but never a destination that is off', async () => {
    expect(await destinationsOf('lead', ({ name }) => name === 'none' || name === 'off')).toEqual(['none']);
    expect(await destinationsOf('login', () => false)).toEqual([]);
  });
});

test('what was read before the machine slept for long is not committed after it; the same request again is judged anew', async () => {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const store = new MemoryEventStore({ runtime });
  const service = new EventService({
    ...{ store, runtime, feed: new EventFeed(), destinations: () => [], backlogMax: 10 },
    ...{ maxAgeMs: 10_000_000, maxAheadMs: 1_000 },
    catalogue: new Catalogue([{ name: 'login', description: '', points: 1, requires: [] }]),
  });
  const input = { user_id: 'u', event_name: 'login', event_time_epoch: Math.floor(runtime.now() / 1000) };
  const accepting = service.accept('client', input).catch((error: unknown) => error);
  runtime.stall(3_600_001);
  expect(await runtime.until(accepting)).toBeInstanceOf(StoreUnavailableError);
  expect(await store.events.points('u')).toEqual([]);
  expect((await runtime.until(service.accept('client', input))).isDuplicate).toBe(false);
  // An hour is in time.
  const second = service.accept('client', { ...input, event_id: '0198c5f2-7d1e-7c3a-9b1f-2f4e6a8c0d12' });
  runtime.stall(3_600_000);
  expect((await runtime.until(second)).status).toBe('stored');
});
