import { MemoryEventStore } from '../../src/external-services/memory-event-store';
import { describeEventStoreContract } from './event-store-contract';
import { claimOne, delivered, makeEvent, ROOMY } from './store-fixtures';

describeEventStoreContract('MemoryEventStore', async (options) => new MemoryEventStore(options));

describe('a snapshot of MemoryEventStore', () => {
  it('is not touched by what comes after, and can be put back more than once', async () => {
    const store = new MemoryEventStore();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    const snapshot = store.snapshot();
    for (let round = 0; round < 2; round += 1) {
      await store.settle([delivered(taken)]);
      await store.setHold('ads', null, { at: 1, actor: 'a', action: 'b', detail: 'c' });
      expect(await store.countByStatus()).toMatchObject([{ status: 'delivered', count: 1 }]);
      await store.close();
      store.restore(snapshot);
      expect(await store.countByStatus()).toMatchObject([{ status: 'delivering', count: 1 }]);
      expect(await store.actions(10)).toEqual([]);
    }
    expect(structuredClone(snapshot).events.size).toBe(1);
  });
});
