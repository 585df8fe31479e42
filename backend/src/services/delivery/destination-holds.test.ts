import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import { silentLog } from '../../../test/contract/sqlite-files';
import { makeEvents, ROOMY } from '../../../test/contract/store-fixtures';
import { MemoryEventStore } from '../../../test/support/memory-event-store';
import { StoreUnavailableError } from '../../interfaces/event-store';
import { Circuit } from '../resilience/circuit';
import { DestinationHolds } from './destination-holds';

const runtime = new SimulatedRuntime({ seed: 1 });
const running: DestinationHolds[] = [];

async function open(store: MemoryEventStore) {
  const circuit = new Circuit(runtime, { cooldownMs: 100, jitter: 0 });
  const holds = new DestinationHolds({ store, runtime, log: silentLog, leaseMs: 5_000 });
  holds.adopt('ads', circuit);
  await holds.start();
  running.push(holds);
  return { circuit, holds };
}

afterEach(async () => {
  for (const holds of running.splice(0)) await runtime.until(holds.stop());
});

test('a pause holds the circuit, over a restart too, until it is resumed', async () => {
  const store = new MemoryEventStore();
  const first = await open(store);
  const since = runtime.now();
  await first.holds.pause('ads', 'they are migrating', 'ann');
  expect(first.circuit.permits()).toBe(0);

  const second = await open(store);
  expect(second.circuit.permits()).toBe(0);
  const hold = { destination: 'ads', kind: 'operator', since, reason: 'they are migrating', actor: 'ann' };
  expect(second.holds.of('ads')).toEqual(hold);

  await second.holds.resume('ads', 'bob');
  expect(second.circuit.permits()).toBe(Infinity);
  expect(second.holds.of('ads')).toBeNull();
  expect(await store.operator.holds()).toEqual([]);
  expect(await store.operator.actions(10)).toMatchObject([
    { actor: 'bob', action: 'resume', detail: 'ads' },
    { actor: 'ann', action: 'pause', detail: 'ads: they are migrating' },
  ]);
});

test('a circuit that is adopted later is held too', async () => {
  const { holds } = await open(new MemoryEventStore());
  await holds.pause('crm', 'not yet', 'ann');
  const circuit = new Circuit(runtime);
  holds.adopt('crm', circuit);
  expect(circuit.permits()).toBe(0);
});

test('what another process pauses and resumes is taken over', async () => {
  const store = new MemoryEventStore();
  const here = await open(store);
  const there = await open(store);
  await there.holds.pause('ads', 'elsewhere', 'ann');
  await runtime.advance(2_000);
  expect([here.circuit.permits(), here.holds.of('ads')?.reason]).toEqual([0, 'elsewhere']);
  await there.holds.resume('ads', 'ann');
  await runtime.advance(2_000);
  expect(here.circuit.permits()).toBe(Infinity);
});

test('a reading of the store that a pause has overtaken changes nothing', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  const old = await store.operator.holds();
  jest.spyOn(store.operator, 'holds').mockImplementationOnce(async () => {
    await holds.pause('ads', 'just now', 'ann');
    return old;
  });
  await holds.refresh();
  expect([circuit.permits(), holds.of('ads')?.reason]).toEqual([0, 'just now']);
});

test('a circuit that its lane holds (410) is gone: it stays held over a restart, by the gateway', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  circuit.hold();
  await runtime.advance(0);
  expect(holds.of('ads')).toMatchObject({ kind: 'gone', actor: 'sluice' });
  expect(await store.operator.holds()).toMatchObject([{ destination: 'ads', kind: 'gone' }]);
  const again = await open(store);
  expect(again.circuit.permits()).toBe(0);
});

test('a 410 while the store cannot commit is stored as soon as it can, and holds meanwhile', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  const full = jest.spyOn(store.operator, 'setHold').mockRejectedValue(new StoreUnavailableError('full', false));
  circuit.hold();
  await runtime.advance(10_000);
  expect(await store.operator.holds()).toEqual([]);
  expect(circuit.permits()).toBe(0);
  expect(holds.of('ads')?.kind).toBe('gone');
  full.mockRestore();
  await runtime.advance(2_000);
  expect(await store.operator.holds()).toMatchObject([{ kind: 'gone' }]);
});

test('for how long it was held: a pause of now included, over a restart and in every process', async () => {
  const store = new MemoryEventStore();
  const { holds } = await open(store);
  const heldMs = (of = holds) => of.heldMs('ads', runtime.now());
  expect(heldMs()).toBe(0);
  await holds.pause('ads', 'first', 'ann');
  await runtime.advance(700);
  expect(heldMs()).toBe(700);
  await holds.pause('ads', 'another reason', 'ann');
  expect(heldMs()).toBe(700);
  await runtime.advance(300);
  const there = await open(store);
  expect([heldMs(), heldMs(there.holds)]).toEqual([1000, 1000]);
  await there.holds.resume('ads', 'bob');
  await runtime.advance(2_000);
  expect([heldMs(), heldMs(there.holds)]).toEqual([1000, 1000]);
  await holds.pause('ads', 'again', 'ann');
  await runtime.advance(50);
  await holds.resume('ads', 'ann');
  await runtime.advance(5_000);
  expect([heldMs(), heldMs(there.holds), holds.heldMs('crm', runtime.now())]).toEqual([1050, 1050, 0]);
});

test('the time of a 410 counts from its answer, also while the store cannot take its hold', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  const full = jest.spyOn(store.operator, 'setHold').mockRejectedValue(new StoreUnavailableError('full', false));
  circuit.hold();
  await runtime.advance(3_500);
  expect(holds.heldMs('ads', runtime.now())).toBe(3_500);
  full.mockRestore();
  await runtime.advance(2_500);
  expect(holds.heldMs('ads', runtime.now())).toBe(6_000);
  await holds.resume('ads', 'ann');
  await runtime.advance(100);
  expect(holds.heldMs('ads', runtime.now())).toBe(6_000);
});

test('the time of a 401 counts as held: at each refused probe in the store, over a stop and a full disk too', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  const heldMs = (of = holds) => of.heldMs('ads', runtime.now());
  const stored = async () => (await store.operator.heldMs()).map((held) => held.heldMs);
  circuit.trip();
  const since = runtime.now();
  await runtime.advance(60);
  expect([heldMs(), await stored()]).toEqual([60, []]);
  await runtime.advance(40);
  circuit.acquire()?.cancelled();
  circuit.trip();
  await runtime.advance(0);
  expect([heldMs(), await stored(), holds.of('ads')?.since]).toEqual([100, [100], since]);
  const full = jest.spyOn(store.operator, 'addHeld').mockRejectedValue(new StoreUnavailableError('full', false));
  await runtime.advance(150);
  circuit.acquireTrial()?.succeeded();
  expect(circuit.state).toBe('CLOSED');
  await runtime.advance(10);
  expect([heldMs(), await stored(), holds.of('ads')]).toEqual([250, [100], null]);
  full.mockRestore();
  await runtime.advance(2_000);
  expect([heldMs(), await stored()]).toEqual([250, [250]]);
  circuit.trip();
  await runtime.advance(30);
  await runtime.until(holds.stop());
  expect(await stored()).toEqual([280]);
});

test('a 401 ends when another process delivers there, but not by what was in flight when it came', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  const causes: string[] = [];
  circuit.onChange(({ cause }) => causes.push(cause));
  await store.events.accept(makeEvents(2), ROOMY);
  const deliverOne = async () => {
    const at = runtime.now();
    const { claimed } = await store.deliveries.claimDue({ destination: 'ads', limit: 1, now: at, leaseMs: 1_000 });
    const next = { status: 'delivered' } as const;
    await store.deliveries.settle(
      claimed.map(({ deliveryId, attempt }) => ({ deliveryId, attempt, at, record: null, next })),
    );
  };
  circuit.trip('gone');
  await runtime.advance(3_000);
  await deliverOne();
  await runtime.advance(6_000);
  expect([holds.of('ads')?.kind, causes]).toEqual(['gone', ['gone']]);
  await deliverOne();
  await runtime.advance(2_000);
  expect([holds.of('ads'), circuit.state, causes]).toEqual([null, 'CLOSED', ['gone', 'passed_elsewhere']]);
});

test('a pause during a 401 counts once', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  circuit.trip();
  await runtime.advance(30);
  await holds.pause('ads', 'x', 'ann');
  await runtime.advance(10);
  expect(holds.heldMs('ads', runtime.now())).toBe(40);
  await holds.resume('ads', 'ann');
  expect(circuit.state).toBe('CLOSED');
  await runtime.advance(10);
  expect(holds.heldMs('ads', runtime.now())).toBe(40);
});

test('a 410 to too few is shown and not stored, and a resume ends it', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  circuit.trip('gone');
  await runtime.advance(10_000);
  expect(holds.of('ads')).toMatchObject({ kind: 'gone', actor: 'sluice' });
  expect(await store.operator.holds()).toEqual([]);
  await holds.resume('ads', 'ann');
  expect([holds.of('ads'), circuit.state]).toEqual([null, 'CLOSED']);
});

test('a pause that the store cannot take changes nothing', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  jest.spyOn(store.operator, 'setHold').mockRejectedValueOnce(new StoreUnavailableError('full', false));
  await expect(holds.pause('ads', 'x', 'ann')).rejects.toThrow(StoreUnavailableError);
  expect(holds.of('ads')).toBeNull();
  expect(circuit.permits()).toBe(Infinity);
});

test('a 401 is shown until the circuit closes, and is not stored', async () => {
  const store = new MemoryEventStore();
  const { circuit, holds } = await open(store);
  circuit.trip();
  expect(holds.of('ads')).toMatchObject({ kind: 'unauthorized', actor: 'sluice' });
  expect(await store.operator.holds()).toEqual([]);
  await runtime.advance(100);
  for (let probe = 0; probe < 2; probe += 1) circuit.acquire()?.succeeded();
  expect(circuit.state).toBe('CLOSED');
  expect(holds.of('ads')).toBeNull();
});
