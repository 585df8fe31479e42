import { MemoryEventStore } from '../support/memory-event-store';
import { describeEventStoreContract } from './event-store-contract';
import { claimOne, delivered, makeEvent, ROOMY } from './store-fixtures';

describeEventStoreContract('MemoryEventStore', async (options) => new MemoryEventStore(options));

describe('a snapshot of MemoryEventStore', () => {
  it('is not touched by what comes after, and can be put back more than once', async () => {
    const store = new MemoryEventStore();
    await store.events.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    const snapshot = store.snapshot();
    for (let round = 0; round < 2; round += 1) {
      await store.deliveries.settle([delivered(taken)]);
      await store.operator.setHold('ads', null, { at: 1, actor: 'a', action: 'b', detail: 'c' });
      expect(await store.deliveries.countByStatus()).toMatchObject([{ status: 'delivered', count: 1 }]);
      await store.upkeep.close();
      store.restore(snapshot);
      expect(await store.deliveries.countByStatus()).toMatchObject([{ status: 'delivering', count: 1 }]);
      expect(await store.operator.actions(10)).toEqual([]);
    }
    expect(structuredClone(snapshot).events.size).toBe(1);
  });
});
