import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expectNoFaults } from './event-store-contract';
import {
  acceptKinds,
  claim,
  claimOne,
  delivered,
  idsOf,
  LEASE_MS,
  makeEvent,
  makeEvents,
  ROOMY,
} from './store-fixtures';
import { newPath, openStore, removeFiles } from './sqlite-files';
import type { Won } from './store-racer';

afterEach(removeFiles);

describe('two stores on one file', () => {
  async function openTwo() {
    const path = newPath();
    return [await openStore({ path }), await openStore({ path })] as const;
  }

  it('make one event of the same id, and see what the other did at once', async () => {
    const [first, second] = await openTwo();
    expect(await acceptKinds(first, makeEvents(3))).toEqual(['inserted', 'inserted', 'inserted']);
    const again = [...makeEvents(2), makeEvent({ content: 'other' })];
    expect(await acceptKinds(second, again)).toEqual(['duplicate', 'duplicate', 'conflict']);
    expect(await second.events.points('user-1')).toEqual([{ eventName: 'purchase', count: 3 }]);
    await expectNoFaults(first);
  });

  it('share the backlog limit', async () => {
    const [first, second] = await openTwo();
    await first.events.accept(makeEvents(3), ROOMY);
    expect(await acceptKinds(second, makeEvents(5), 4)).toEqual([
      'duplicate',
      'duplicate',
      'duplicate',
      'inserted',
      'full',
    ]);
  });

  it('hold a delivery one at a time', async () => {
    const [first, second] = await openTwo();
    await first.events.accept([makeEvent()], ROOMY);
    const taken = await claimOne(first);
    expect(idsOf(await claim(second))).toEqual([]);
    const overtaken = await claimOne(second, LEASE_MS);
    expect(await first.deliveries.settle([delivered(taken)])).toEqual(['stale']);
    expect(await second.deliveries.settle([delivered(overtaken)])).toEqual(['applied']);
    await expectNoFaults(first);
  });
});

describe('processes on one file', () => {
  const racer = join(__dirname, 'store-racer.ts');
  const children: ChildProcess[] = [];

  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  async function start(path: string, count: number): Promise<ChildProcess> {
    const child = fork(racer, [path, String(count)], { execArgv: ['--import', 'tsx'] });
    children.push(child);
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    expect(message).toBe('ready');
    return child;
  }

  it('insert each id once and deliver each event once', async () => {
    const path = newPath();
    const count = 150;
    const racing = await Promise.all([start(path, count), start(path, count), start(path, count)]);
    const results = racing.map(async (child) => {
      const [won] = await once(child, 'message');
      await once(child, 'exit');
      return won as Won;
    });
    racing.forEach((child) => child.send('go'));
    const won = await Promise.all(results);
    const inserted = won.flatMap((one) => one.inserted);
    expect(inserted).toHaveLength(count);
    expect(new Set(inserted).size).toBe(count);
    expect(won.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(2 * count);
    const deliveredIds = won.flatMap((one) => one.delivered);
    expect(new Set(deliveredIds).size).toBe(deliveredIds.length);
    const store = await openStore({ path });
    expect(await store.deliveries.countByStatus()).toEqual([
      { destination: 'ads', status: 'delivered', count: deliveredIds.length },
    ]);
    expect(await store.events.points('user-1')).toEqual([{ eventName: 'purchase', count }]);
    await expectNoFaults(store);
  });
});
