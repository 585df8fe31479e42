/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import type { EventStore, Settlement } from '../../src/interfaces/event-store';
import type { ClaimedDelivery, Hold } from '../../src/types/delivery';
import {
  acceptKinds,
  claimOne,
  delivered,
  makeDelivery,
  makeEvent,
  makeRecord,
  rejected,
  retryable,
  ROOMY,
  uuid,
  type OpenStore,
} from './store-fixtures';

const KEY = { eventId: uuid(1), clientId: 'client-a' };
const STATES = ['pending', 'delivering', 'delivered', 'dead', 'discarded'] as const;

export function describeOperating(open: OpenStore): void {
  describe('replay and discard', () => {
    describeMoves(open);
  });
  describe('holds and actions', () => {
    describeHolds(open);
  });
}

function describeMoves(open: OpenStore): void {
  it('replays a dead delivery: due at once, with new retries, and known as a replay', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store), { retryUntil: 500 })]);
    const taken = await claimOne(store);
    await store.settle([rejected(taken)]);
    const command = { deliveryIds: [taken.deliveryId], at: 1000, from: ['dead'], actor: 'operator' } as const;
    expect(await store.replay(command)).toBe(1);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({
      ...{ status: 'pending', nextAttemptAt: 1000, attempts: 2, deadReason: null, deliveredAt: null },
    });
    expect(await claimOne(store, 1000)).toMatchObject({ attempt: 3, retryUntil: null, isReplay: true });
    expect(await store.attempts(KEY)).toHaveLength(2);
    expect(await store.actions(10)).toMatchObject([{ at: 1000, actor: 'operator', action: 'replay' }]);
  });

  it('knows since when the destination may have had a delivery', async () => {
    const store = await open();
    const firstTakenAt = async () => (await store.find(KEY))?.deliveries[0]?.firstTakenAt;
    await store.accept([makeEvent()], ROOMY);
    const settle = async (settlement: (taken: ClaimedDelivery) => Settlement) =>
      store.settle([settlement(await claimOne(store))]);
    expect(await firstTakenAt()).toBeNull();
    await settle((taken) => retryable(taken));
    expect(await firstTakenAt()).toBeNull();
    const lost = makeRecord({ startedAt: 400, possibleDuplicate: 'answer_lost' });
    await settle((taken) => ({ ...retryable(taken), record: { ...lost, number: taken.attempt } }));
    expect(await firstTakenAt()).toBe(400);
    const taken = makeRecord({ startedAt: 900, outcome: 'delivered' });
    await settle((claimed) => ({ ...delivered(claimed), record: { ...taken, number: claimed.attempt } }));
    expect(await firstTakenAt()).toBe(400);
    expect((await store.listDeliveries({ limit: 1 })).data[0]?.firstTakenAt).toBe(400);
  });

  it('replays a delivered one only when that was asked for', async () => {
    const store = await open();
    const id = await makeDelivery(store, 'delivered');
    const command = { deliveryIds: [id], at: 50, actor: 'operator' };
    expect(await store.replay({ ...command, from: ['dead'] })).toBe(0);
    expect(await store.replay({ ...command, from: ['dead', 'delivered'] })).toBe(1);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ status: 'pending', deliveredAt: null });
    await store.settle([delivered(await claimOne(store, 50), 60)]);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ status: 'delivered', deliveredAt: 60 });
  });

  it('discards a dead delivery, and keeps why it died', async () => {
    const store = await open();
    const id = await makeDelivery(store, 'dead');
    const command = { deliveryIds: [id], at: 70, from: ['dead'], actor: 'operator', reason: 'a test order' } as const;
    expect(await store.discard(command)).toBe(1);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ status: 'discarded', deadReason: 'rejected' });
    const [action] = await store.actions(1);
    expect(action).toMatchObject({ at: 70, actor: 'operator', action: 'discard' });
    expect(action?.detail).toContain('a test order');
    expect(action?.detail).toContain(String(id));
  });

  it('discards a pending delivery: it leaves the queue and the backlog, and is fenced from an attempt of before', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    await store.settle([retryable(taken, { dueAt: 40, retryUntil: 90 })]);
    const command = { deliveryIds: [taken.deliveryId], at: 30, from: ['dead', 'pending'], actor: 'operator' } as const;
    expect(await store.discard({ ...command, reason: 'poisoned' })).toBe(1);
    expect(await store.find(KEY)).toMatchObject({
      status: 'discarded',
      deliveries: [{ status: 'discarded', deadReason: 'discarded', nextAttemptAt: null, attempts: 1 }],
    });
    expect(await store.claimDue({ destination: 'ads', limit: 9, now: 9999, leaseMs: 1 })).toEqual({
      ...{ claimed: [], buried: [], nextDueAt: null },
    });
    expect(await store.settle([delivered(taken)])).toEqual(['stale']);
    expect(await store.replay({ ...command, from: ['dead', 'delivered'] })).toBe(0);
    expect(await acceptKinds(store, [makeEvent({ eventId: uuid(2) })], 1)).toEqual(['inserted']);
    expect(await store.countByStatus()).toEqual([
      { destination: 'ads', status: 'discarded', count: 1 },
      { destination: 'ads', status: 'pending', count: 1 },
    ]);
  });

  it('leaves a delivery that an attempt holds, and the attempt settles as if nothing had been asked', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    const command = { deliveryIds: [taken.deliveryId], at: 30, from: ['dead', 'pending'], actor: 'operator' } as const;
    expect(await store.discard({ ...command, reason: 'too late' })).toBe(0);
    expect(await store.settle([delivered(taken)])).toEqual(['applied']);
  });

  it.each(STATES)('moves what is %s only where that is allowed', async (status) => {
    const store = await open();
    const id = await makeDelivery(store, status);
    const before = await stateOf(store);
    const command = { deliveryIds: [id], at: 50, actor: 'operator' };
    expect(await store.replay({ ...command, from: [] })).toBe(0);
    if (status !== 'dead') {
      expect(await store.replay({ ...command, from: ['dead'] })).toBe(0);
      expect(await store.discard({ ...command, from: ['dead'], reason: 'test' })).toBe(0);
    }
    if (status !== 'pending') expect(await store.discard({ ...command, from: ['pending'], reason: 'test' })).toBe(0);
    if (status !== 'delivered') expect(await store.replay({ ...command, from: ['delivered'] })).toBe(0);
    expect(await stateOf(store)).toEqual(before);
  });

  it('moves each of many once, and passes over those that are not there', async () => {
    const store = await open();
    const id = await makeDelivery(store, 'dead');
    const command = { deliveryIds: [id, 999_900, id], at: 50, actor: 'operator' };
    expect(await store.replay({ ...command, from: ['dead'] })).toBe(1);
    expect(await store.discard({ ...command, from: ['dead'], reason: 'test' })).toBe(0);
    expect(await store.replay({ ...command, deliveryIds: [], from: ['dead'] })).toBe(0);
    expect(await store.actions(10)).toHaveLength(1);
  });

  it('keeps the record of a bulk replay short', async () => {
    const store = await open();
    const destinations = Array.from({ length: 100 }, (_, place) => `d${place}`);
    await store.accept([makeEvent({ to: destinations })], ROOMY);
    for (const destination of destinations) await store.settle([rejected(await claimOne(store, 0, destination))]);
    const { deliveries } = (await store.find(KEY)) ?? { deliveries: [] };
    const deliveryIds = deliveries.map(({ deliveryId }) => deliveryId);
    expect(await store.replay({ deliveryIds, at: 50, from: ['dead'], actor: 'operator' })).toBe(100);
    const [action] = await store.actions(1);
    expect(action?.detail).toMatch(/^100 deliveries: /);
    expect(action?.detail.length).toBeLessThan(300);
  });
}

async function stateOf(store: EventStore): Promise<unknown> {
  return [await store.find(KEY), await store.attempts(KEY), await store.actions(10), await store.countByStatus()];
}

function describeHolds(open: OpenStore): void {
  const hold: Hold = { destination: 'ads', kind: 'operator', since: 5, reason: 'their maintenance', actor: 'operator' };
  const action = { at: 5, actor: 'operator', action: 'pause', detail: 'ads' };

  it('sets, changes and clears the hold of a destination', async () => {
    const store = await open();
    const other: Hold = { ...hold, destination: 'crm', kind: 'gone', actor: 'sluice' };
    await store.setHold('crm', other, action);
    await store.setHold('ads', hold, action);
    expect(await store.holds()).toEqual([hold, other]);
    const changed: Hold = { ...hold, kind: 'unauthorized', since: 9, reason: 'http_401' };
    await store.setHold('ads', changed, action);
    expect(await store.holds()).toEqual([changed, other]);
    await store.setHold('ads', null, action);
    await store.setHold('ads', null, action);
    expect(await store.holds()).toEqual([other]);
  });

  it('adds up for how long a destination was held, and says since when it is', async () => {
    const store = await open();
    expect(await store.heldMs()).toEqual([]);
    await store.setHold('ads', hold, action);
    expect(await store.heldMs()).toEqual([{ destination: 'ads', heldMs: 0, since: 5 }]);
    // Another reason: the time goes on from the first hold's start.
    await store.setHold('ads', { ...hold, since: 12, reason: 'longer' }, action);
    expect(await store.heldMs()).toEqual([{ destination: 'ads', heldMs: 7, since: 12 }]);
    await store.setHold('ads', null, { ...action, at: 105 });
    await store.setHold('ads', null, { ...action, at: 999 });
    expect(await store.heldMs()).toEqual([{ destination: 'ads', heldMs: 100, since: null }]);
    await store.setHold('ads', { ...hold, since: 1000 }, action);
    await store.setHold('ads', null, { ...action, at: 1001 });
    expect(await store.heldMs()).toEqual([{ destination: 'ads', heldMs: 101, since: null }]);
  });

  it('takes no time back where the clock was set back during a hold', async () => {
    const store = await open();
    await store.setHold('ads', { ...hold, since: 500 }, action);
    await store.setHold('ads', null, { ...action, at: 100 });
    expect(await store.heldMs()).toEqual([{ destination: 'ads', heldMs: 0, since: null }]);
  });

  it('adds the time of holds that are not stored, and takes only whole times', async () => {
    const store = await open();
    await store.addHeld('crm', 0);
    await store.addHeld('ads', 30);
    await store.addHeld('ads', 12);
    expect(await store.heldMs()).toEqual([
      { destination: 'ads', heldMs: 42, since: null },
      { destination: 'crm', heldMs: 0, since: null },
    ]);
    for (const ms of [-1, 0.5, Number.NaN, Infinity]) {
      await expect(store.addHeld('ads', ms)).rejects.toThrow('cannot be added');
    }
    expect(await store.actions(10)).toEqual([]);
  });

  it('records who did what, newest first', async () => {
    const store = await open();
    await store.setHold('ads', hold, action);
    await store.setHold('ads', null, { ...action, action: 'resume', at: 3 });
    await store.recordAction({ ...action, action: 'reload', detail: 'Ω "x"' });
    expect(await store.actions(2)).toEqual([
      { ...action, action: 'reload', detail: 'Ω "x"' },
      { ...action, action: 'resume', at: 3 },
    ]);
    expect(await store.actions(10)).toHaveLength(3);
  });

  it('keeps so many acts and no more: the oldest make room', async () => {
    const store = await open({ actionsMax: 3 });
    await makeDelivery(store, 'dead');
    for (let at = 1; at <= 4; at += 1) await store.recordAction({ ...action, at });
    expect((await store.actions(10)).map(({ at }) => at)).toEqual([4, 3, 2]);
    await store.setHold('ads', null, { ...action, at: 5 });
    await store.discard({ deliveryIds: [100], at: 6, from: ['dead'], actor: 'operator', reason: 'r' });
    expect((await store.actions(10)).map(({ at }) => at)).toEqual([6, 5, 4]);
  });
}
