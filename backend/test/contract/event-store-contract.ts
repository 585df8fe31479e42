/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import type { EventStore } from '../../src/interfaces/event-store';
import { describeAccepting } from './accepting';
import { describeDelivering } from './delivering';
import { describeListing } from './listing';
import { describeOperating } from './operating';
import { allPages, faultsOf, type OpenStore } from './store-fixtures';
import { describeUpkeep } from './upkeep';

/** What every implementation of EventStore keeps. After each test the store must agree with itself. */
export function describeEventStoreContract(name: string, open: OpenStore): void {
  describe(`${name} as an EventStore`, () => {
    const opened: EventStore[] = [];
    const openChecked: OpenStore = async (options) => {
      const store = await open(options);
      opened.push(store);
      return store;
    };

    afterEach(async () => {
      for (const store of opened.splice(0)) {
        await expectNoFaults(store);
        await store.upkeep.close();
      }
    });

    describe('accept', () => {
      describeAccepting(openChecked);
    });
    describe('claimDue and settle', () => {
      describeDelivering(openChecked);
    });
    describe('list and listDeliveries', () => {
      describeListing(openChecked);
    });
    describe('operating', () => {
      describeOperating(openChecked);
    });
    describe('upkeep', () => {
      describeUpkeep(openChecked, open);
    });
  });
}

/** The lists alone: for a store whose pages are cut short, which gives the same answers on more pages. */
export function describeEventStoreLists(name: string, open: OpenStore): void {
  describe(`${name} lists`, () => {
    describeListing(open);
  });
}

/** The counts are those of the rows, whatever the test did. */
export async function expectNoFaults(store: EventStore): Promise<void> {
  expect(await faultsOf(store)).toEqual([]);
  const rows = await allPages((cursor) => store.deliveries.list({ limit: 200, ...(cursor && { cursor }) }), 200);
  const counts = new Map<string, number>();
  for (const { destination, status } of rows) {
    counts.set(`${destination} ${status}`, (counts.get(`${destination} ${status}`) ?? 0) + 1);
  }
  const noted = (await store.deliveries.countByStatus()).map(({ destination, status, count }) => [
    `${destination} ${status}`,
    count,
  ]);
  expect(new Map(noted as [string, number][])).toEqual(counts);
}
