/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import { StoreUnavailableError } from '../../src/interfaces/event-store';
import {
  acceptKinds,
  claimOne,
  delivered,
  faultsOf,
  makeDelivery,
  makeEvent,
  makeEvents,
  ROOMY,
  uuid,
  type OpenStore,
} from './store-fixtures';

const LATER = Number.MAX_SAFE_INTEGER;

export function describeUpkeep(open: OpenStore, openUnchecked: OpenStore): void {
  describe('prune', () => {
    describePruning(open);
  });

  describe('the mark of the clock', () => {
    it('is when the oldest event was accepted, as long as none could be written', async () => {
      const store = await open();
      const acceptedAt = 1_700_000_000_000;
      await store.accept(
        makeEvents(2, (number) => ({ acceptedAt: acceptedAt + number })),
        ROOMY,
      );
      expect(await store.clockMark()).toEqual({ seenAt: acceptedAt + 1, steadyMs: 86_400_000 });
    });

    it('is what was written last', async () => {
      const store = await open();
      expect(await store.clockMark()).toBeNull();
      await store.markClock({ seenAt: 1_700_000_000_000, steadyMs: 5 });
      await store.markClock({ seenAt: 1_600_000_000_000, steadyMs: 86_400_000 });
      expect(await store.clockMark()).toEqual({ seenAt: 1_600_000_000_000, steadyMs: 86_400_000 });
    });
  });

  describe('verify', () => {
    it('finds nothing in a sound store and tells how far it is', async () => {
      const store = await open();
      await store.accept(makeEvents(1200), ROOMY);
      const progress: number[] = [];
      for await (const fault of store.verify((checked) => progress.push(checked))) expect(fault).toBeNull();
      expect(progress.at(-1)).toBe(1200);
    });

    it('finds a payload that its checksum does not fit', async () => {
      const store = await openUnchecked();
      const event = makeEvent();
      const deliveries = event.deliveries.map((delivery) => ({ ...delivery, payload: Buffer.from('other') }));
      await store.accept([{ ...event, deliveries }], ROOMY);
      expect(await faultsOf(store)).toMatchObject([{ kind: 'checksum' }]);
      await store.close();
    });
  });

  describe('check and close', () => {
    it('commits a probe, and again', async () => {
      const store = await open();
      await expect(store.check()).resolves.toBeUndefined();
      await expect(store.check()).resolves.toBeUndefined();
    });

    it('refuses every verb after close, and may be closed twice', async () => {
      const store = await openUnchecked();
      await store.close();
      await store.close();
      const action = { at: 1, actor: 'a', action: 'b', detail: 'c' };
      const key = { eventId: uuid(1), clientId: null };
      const command = { deliveryIds: [100], at: 1, actor: 'a' };
      const calls: (() => Promise<unknown>)[] = [
        () => store.accept([makeEvent()], ROOMY),
        () => store.claimDue({ destination: 'ads', limit: 1, now: 1, leaseMs: 1 }),
        () => store.settle([delivered({ deliveryId: 100, attempt: 1 })]),
        () => store.find(key),
        () => store.list({ clientId: null, limit: 1 }),
        () => store.listDeliveries({ limit: 1 }),
        () => store.attempts(key),
        () => store.replay({ ...command, from: ['dead'] }),
        () => store.discard({ ...command, from: ['dead'], reason: 'r' }),
        () => store.points('user-1'),
        () => store.countByStatus(),
        () => store.possibleDuplicates(),
        () => store.holds(),
        () => store.setHold('ads', null, action),
        () => store.heldMs(),
        () => store.addHeld('ads', 1),
        () => store.actions(1),
        () => store.recordAction(action),
        () => store.prune({ acceptedBefore: 1, limit: 1 }),
        () => store.clockMark(),
        () => store.markClock({ seenAt: 1, steadyMs: 1 }),
        () => faultsOf(store),
        () => store.check(),
      ];
      for (const call of calls) {
        const error: unknown = await call().then(
          () => 'no error',
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(StoreUnavailableError);
        expect((error as StoreUnavailableError).isFsyncFailure).toBe(false);
      }
    });
  });
}

function describePruning(open: OpenStore): void {
  it('takes events accepted before a time, not at it, and what hangs on them', async () => {
    const store = await open();
    await makeDelivery(store, 'delivered');
    const { acceptedAt } = makeEvent().event;
    expect(await store.prune({ acceptedBefore: acceptedAt, limit: 10 })).toBe(0);
    expect(await store.prune({ acceptedBefore: acceptedAt + 1, limit: 10 })).toBe(1);
    expect(await store.find({ eventId: uuid(1), clientId: null })).toBeNull();
    expect(await store.attempts({ eventId: uuid(1), clientId: null })).toBeNull();
    expect(await store.listDeliveries({ limit: 10 })).toEqual({ data: [], nextCursor: null });
    expect(await store.countByStatus()).toEqual([]);
    // The id is free again: what may still come with it is too old to be accepted.
    expect(await acceptKinds(store, [makeEvent({ content: 'other' })])).toEqual(['inserted']);
  });

  it('keeps the count of possible duplicates of what it took', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const settlement = delivered(await claimOne(store));
    const record = settlement.record && { ...settlement.record, possibleDuplicate: 'operator_replay' as const };
    await store.settle([{ ...settlement, record }]);
    expect(await store.prune({ acceptedBefore: LATER, limit: 10 })).toBe(1);
    expect(await store.possibleDuplicates()).toEqual([{ destination: 'ads', reason: 'operator_replay', count: 1 }]);
  });

  it('keeps the points of what it took', async () => {
    const store = await open();
    await store.accept(
      makeEvents(3, (number) => ({ to: [], acceptedAt: number })),
      ROOMY,
    );
    await store.prune({ acceptedBefore: 3, limit: 10 });
    expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 3 }]);
    expect(await faultsOf(store)).toEqual([]);
    await store.accept([makeEvent({ eventId: uuid(9) })], ROOMY);
    expect(await store.points('user-1')).toEqual([{ eventName: 'purchase', count: 4 }]);
  });

  it.each([
    ['pending', 0],
    ['delivering', 0],
    ['delivered', 1],
    ['dead', 1],
    ['discarded', 1],
  ] as const)('takes %s: %d', async (status, count) => {
    const store = await open();
    await makeDelivery(store, status);
    expect(await store.prune({ acceptedBefore: LATER, limit: 10 })).toBe(count);
  });

  it('leaves an event with one open delivery whole', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    await store.settle([delivered(await claimOne(store))]);
    expect(await store.prune({ acceptedBefore: LATER, limit: 10 })).toBe(0);
    expect((await store.find({ eventId: uuid(1), clientId: null }))?.deliveries).toHaveLength(2);
    expect(await store.attempts({ eventId: uuid(1), clientId: null })).toHaveLength(1);
  });

  it('takes at most its limit in a call, the oldest rows first, until nothing is left to take', async () => {
    const store = await open();
    await store.accept(
      makeEvents(7, () => ({ to: [], acceptedAt: 1 })),
      ROOMY,
    );
    const counts = [];
    for (let call = 0; call < 4; call += 1) counts.push(await store.prune({ acceptedBefore: 2, limit: 3 }));
    expect(counts).toEqual([3, 3, 1, 0]);
  });

  it('gets past many old events that must stay', async () => {
    const store = await open();
    await store.accept(
      makeEvents(60, (number) => ({ to: number > 50 ? [] : ['ads'], acceptedAt: 1 })),
      ROOMY,
    );
    let pruned = 0;
    for (let call = 0; call < 20 && pruned < 10; call += 1)
      pruned += await store.prune({ acceptedBefore: 2, limit: 2 });
    expect(pruned).toBe(10);
    // And comes back to those once they have ended.
    await store.settle((await claimAll(store)).map((one) => delivered(one)));
    for (let call = 0; call < 60 && pruned < 60; call += 1)
      pruned += await store.prune({ acceptedBefore: 2, limit: 2 });
    expect(pruned).toBe(60);
  });

  it('finds in one call what has ended behind the place where the last call stopped', async () => {
    const store = await open();
    await store.accept(
      makeEvents(25, () => ({ acceptedAt: 1 })),
      ROOMY,
    );
    expect(await store.prune({ acceptedBefore: 2, limit: 2 })).toBe(0);
    await store.settle((await claimAll(store)).slice(0, 15).map((one) => delivered(one)));
    expect(await store.prune({ acceptedBefore: 2, limit: 30 })).toBe(15);
  });

  it('goes by the time of acceptance also where the clock went back', async () => {
    const store = await open();
    const acceptedAt = [9_000_000, 1, 20_000_000, 2];
    await store.accept(
      makeEvents(4, (number) => ({ to: [], acceptedAt: acceptedAt[number - 1] ?? 0 })),
      ROOMY,
    );
    expect(await store.prune({ acceptedBefore: 9_000_000, limit: 10 })).toBe(2);
    const { data } = await store.list({ clientId: null, limit: 10 });
    expect(data.map(({ event }) => event.acceptedAt)).toEqual([20_000_000, 9_000_000]);
  });
}

async function claimAll(store: Awaited<ReturnType<OpenStore>>) {
  return (await store.claimDue({ destination: 'ads', limit: 100, now: 1, leaseMs: 1000 })).claimed;
}
