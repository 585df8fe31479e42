/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import type { EventStore, Settlement } from '../../src/interfaces/event-store';
import type { ClaimedDelivery, Hold } from '../../src/types/delivery';
import {
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
    expect(await store.discard({ deliveryIds: [id], at: 70, actor: 'operator', reason: 'a test order' })).toBe(1);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ status: 'discarded', deadReason: 'rejected' });
    const [action] = await store.actions(1);
    expect(action).toMatchObject({ at: 70, actor: 'operator', action: 'discard' });
    expect(action?.detail).toContain('a test order');
    expect(action?.detail).toContain(String(id));
  });

  it.each(STATES)('moves what is %s only where that is allowed', async (status) => {
    const store = await open();
    const id = await makeDelivery(store, status);
    const before = await stateOf(store);
    const command = { deliveryIds: [id], at: 50, actor: 'operator' };
    expect(await store.replay({ ...command, from: [] })).toBe(0);
    if (status !== 'dead') {
      expect(await store.replay({ ...command, from: ['dead'] })).toBe(0);
      expect(await store.discard({ ...command, reason: 'test' })).toBe(0);
    }
    if (status !== 'delivered') expect(await store.replay({ ...command, from: ['delivered'] })).toBe(0);
    expect(await stateOf(store)).toEqual(before);
  });

  it('moves each of many once, and passes over those that are not there', async () => {
    const store = await open();
    const id = await makeDelivery(store, 'dead');
    const command = { deliveryIds: [id, 999_900, id], at: 50, actor: 'operator' };
    expect(await store.replay({ ...command, from: ['dead'] })).toBe(1);
    expect(await store.discard({ ...command, reason: 'test' })).toBe(0);
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

  it('counts every act that is recorded: a replay, a discard and a hold count, what moves nothing does not', async () => {
    const store = await open({ actionsMax: 2 });
    expect(await store.actionCount()).toBe(0);
    const id = await makeDelivery(store, 'dead');
    expect(await store.actionCount()).toBe(0);
    const command = { deliveryIds: [id], at: 50, actor: 'operator' };
    await store.replay({ ...command, from: ['dead'] });
    expect(await store.actionCount()).toBe(1);
    await store.settle([rejected(await claimOne(store, 50))]);
    await store.discard({ ...command, reason: 'test' });
    expect(await store.actionCount()).toBe(2);
    await store.setHold('ads', hold, action);
    await store.recordAction(action);
    expect(await store.actionCount()).toBe(4);
    await store.replay({ ...command, from: ['dead'] });
    await store.discard({ ...command, reason: 'test' });
    expect(await store.actionCount()).toBe(4);
  });

  it('keeps so many acts and no more: the oldest make room', async () => {
    const store = await open({ actionsMax: 3 });
    await makeDelivery(store, 'dead');
    for (let at = 1; at <= 4; at += 1) await store.recordAction({ ...action, at });
    expect((await store.actions(10)).map(({ at }) => at)).toEqual([4, 3, 2]);
    await store.setHold('ads', null, { ...action, at: 5 });
    await store.discard({ deliveryIds: [100], at: 6, actor: 'operator', reason: 'r' });
    expect((await store.actions(10)).map(({ at }) => at)).toEqual([6, 5, 4]);
  });
}
