import { makeEvents, ROOMY } from '../../../test/contract/store-fixtures';
import { silentLog } from '../../../test/contract/sqlite-files';
import { ScriptedDestination, status, yes } from '../../../test/support/scripted-destination';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { EventApiDestination } from '../../external-services/destinations/event-api-destination';
import { UpstreamClient } from '../../external-services/http/upstream-client';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import type { CircuitPolicy } from '../../interfaces/destination';
import { EventFeed } from '../events/event-feed';
import { DeliveryWorker } from './delivery-worker';

/** What the circuit of the external event API spares it: 15 events of `/addEvent` and an API that fails. */

const HOUR_MS = 3_600_000;
/** A circuit that stays closed. */
const never = {
  failuresInWindow: Infinity,
  windowMs: 30_000,
  probesToClose: 1,
  failuresInARow: Infinity,
  minimumCalls: 1_000_000,
};

function circuitOfEventApi(): CircuitPolicy {
  const client = new UpstreamClient({ maxSockets: 1 });
  const calls = { concurrency: 1, ratePerSecond: null, mode: 'live', apiKey: null } as const;
  const { contract } = new EventApiDestination({ name: 'a', url: 'http://127.0.0.1', events: '*', ...calls }, client);
  client.close();
  return contract.circuit ?? never;
}

/** Delivers 15 events; `isFailing` decides by the number of the call, from 0, and the time. When each call was made, and which failed. */
async function deliver(circuit: CircuitPolicy, isFailing: (call: number, atMs: number) => boolean) {
  const runtime = new SimulatedRuntime({ seed: 7 });
  const store = new MemoryEventStore();
  const destination = new ScriptedDestination({ name: 'ads', contract: { circuit } });
  const failedAt: number[] = [];
  destination.answering = async (_parcels, call) => {
    const isFailure = isFailing(call, runtime.monotonic());
    if (!isFailure) return yes;
    failedAt.push(runtime.monotonic());
    await runtime.sleep(100);
    return status(503);
  };
  await store.events.accept(makeEvents(15), ROOMY);
  const schedule = { baseMs: 1_000, maxMs: HOUR_MS, forMs: 24 * HOUR_MS };
  const settings = { leaseMs: 60_000, attemptTimeoutMs: 10_000, drainMs: 1_000, schedule };
  const parts = { destinations: [destination], store, runtime, feed: new EventFeed(), log: silentLog };
  const worker = new DeliveryWorker({ ...parts, settings, circuitCooldownMs: 5_000 });
  await worker.start();
  const deliveredCount = async () => (await store.deliveries.list({ status: 'delivered', limit: 200 })).data.length;
  while ((await deliveredCount()) < 15) await runtime.advance(1_000);
  await runtime.until(worker.stop());
  return { calls: destination.calls.length, failedAt, allAfterMs: runtime.monotonic() };
}

test('in an outage of two minutes the circuit spares it more than four calls in five, and all arrive soon after', async () => {
  const isDown = (_call: number, atMs: number) => atMs < 120_000;
  const held = await deliver(circuitOfEventApi(), isDown);
  const unheld = await deliver(never, isDown);
  // Eight are in flight before the first of them has failed; from then on there is a probe at a time, at last every 15 s.
  expect(held.failedAt.length).toBeLessThanOrEqual(20);
  expect(unheld.failedAt.length).toBeGreaterThanOrEqual(5 * held.failedAt.length);
  expect(held.calls).toBe(15 + held.failedAt.length);
  expect(held.allAfterMs).toBeLessThan(140_000);
  const probes = held.failedAt.slice(8);
  for (const [index, at] of probes.entries()) expect(at - (probes[index - 1] ?? 0)).toBeGreaterThan(4_000);
});

test('where it fails by the count of calls, five of fifteen succeeding, no call is made beyond those', async () => {
  const { calls, failedAt, allAfterMs } = await deliver(circuitOfEventApi(), (call) => call % 15 >= 5);
  expect([calls, failedAt.length]).toEqual([35, 20]);
  expect(allAfterMs).toBeLessThan(120_000);
});
