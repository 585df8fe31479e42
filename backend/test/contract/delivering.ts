/* eslint-disable jest/no-export -- a part of the suite that every store runs; it is no test file by itself */
import type { EventStore, Settlement } from '../../src/interfaces/event-store';
import {
  claim,
  claimOne,
  delivered,
  idsOf,
  LEASE_MS,
  makeDelivery,
  makeEvent,
  makeEvents,
  makeRecord,
  passedOver,
  rejected,
  retryable,
  ROOMY,
  sha256,
  uuid,
  type OpenStore,
} from './store-fixtures';

const KEY = { eventId: uuid(1), clientId: 'client-a' };

export function describeDelivering(open: OpenStore): void {
  describe('taking what is due', () => {
    describeClaiming(open);
  });
  describe('taking around what is left out', () => {
    describeExcept(open);
  });
  describe('leases', () => {
    describeReplayLimit(open);
    describeLeases(open);
  });
  describe('the attempt limit', () => {
    describeAttemptLimit(open);
  });
  describe('settling', () => {
    describeSettling(open);
  });
  describe('the fence', () => {
    describeFence(open);
  });
  describe('tries of a schedule', () => {
    describeTries(open);
  });
}

function describeClaiming(open: OpenStore): void {
  it('hands out all that an attempt needs', async () => {
    const store = await open();
    const newEvent = makeEvent();
    await store.accept([newEvent], ROOMY);
    const { claimed, buried, nextDueAt } = await claim(store, { now: 5 });
    const payload = newEvent.deliveries[0]?.payload ?? Buffer.alloc(0);
    expect(claimed).toEqual([
      {
        deliveryId: expect.any(Number),
        eventId: uuid(1),
        clientId: 'client-a',
        eventName: 'purchase',
        eventTimeSeconds: 1_700_000_000,
        destination: 'ads',
        attempt: 1,
        tries: 1,
        payload,
        checksum: sha256(payload),
        retryUntil: null,
        leaseUntil: 5 + LEASE_MS,
        isReplay: false,
        requestId: 'request-1',
      },
    ]);
    expect({ buried, nextDueAt }).toEqual({ buried: [], nextDueAt: null });
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({
      status: 'delivering',
      attempts: 1,
      nextAttemptAt: 5 + LEASE_MS,
    });
    expect(await store.countByStatus()).toEqual([{ destination: 'ads', status: 'delivering', count: 1 }]);
  });

  it('takes the oldest due first, and of equals what was accepted first', async () => {
    const store = await open();
    const dueAt = [30, 10, 20, 10];
    await store.accept(
      makeEvents(4, (number) => ({ dueAt: dueAt[number - 1] ?? 0 })),
      ROOMY,
    );
    expect(idsOf(await claim(store, { now: 100 }))).toEqual([uuid(2), uuid(4), uuid(3), uuid(1)]);
  });

  it('takes no more than the limit and says when the next falls due', async () => {
    const store = await open();
    await store.accept(
      makeEvents(3, (number) => ({ dueAt: number * 10 })),
      ROOMY,
    );
    const first = await claim(store, { now: 25, limit: 1 });
    expect([idsOf(first), first.nextDueAt]).toEqual([[uuid(1)], 20]);
    const second = await claim(store, { now: 25, limit: 5 });
    expect([idsOf(second), second.nextDueAt]).toEqual([[uuid(2)], 30]);
    // Nothing is due; a lease that another process holds counts as open.
    const third = await claim(store, { now: 26, limit: 5 });
    expect([idsOf(third), third.nextDueAt]).toEqual([[], 30]);
    const last = await claim(store, { now: 30, limit: 5 });
    expect([idsOf(last), last.nextDueAt]).toEqual([[uuid(3)], 25 + LEASE_MS]);
  });

  it('takes what is due at this very millisecond, and nothing that is due at the next', async () => {
    const store = await open();
    await store.accept([makeEvent({ dueAt: 1000 })], ROOMY);
    expect(await claim(store, { now: 999 })).toEqual({ claimed: [], buried: [], nextDueAt: 1000 });
    expect(idsOf(await claim(store, { now: 1000 }))).toEqual([uuid(1)]);
  });

  it('takes nothing of another destination, and nothing for a limit of 0', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    expect(await claim(store, { destination: 'none' })).toEqual({
      claimed: [],
      buried: [],

      nextDueAt: null,
    });
    expect(await claim(store, { destination: 'crm', limit: 0 })).toEqual({
      claimed: [],
      buried: [],

      nextDueAt: 0,
    });
    expect(await claim(store, { destination: 'crm' })).toMatchObject({ claimed: [{ destination: 'crm' }] });
    expect((await store.find(KEY))?.deliveries.map(({ status }) => status)).toEqual(['pending', 'delivering']);
  });

  it('takes replayed deliveries after live ones, however long they are due', async () => {
    const store = await open();
    const id = await makeDelivery(store, 'dead');
    await store.replay({ deliveryIds: [id], at: 0, from: ['dead'], actor: 'operator' });
    await store.accept([makeEvent({ eventId: uuid(2), dueAt: 50 }), makeEvent({ eventId: uuid(3), dueAt: 40 })], ROOMY);
    const two = await claim(store, { now: 100, limit: 2 });
    expect([idsOf(two), two.nextDueAt]).toEqual([[uuid(3), uuid(2)], 0]);
    const last = await claim(store, { now: 100, limit: 2 });
    expect(last.claimed).toMatchObject([{ eventId: uuid(1), isReplay: true, attempt: 2 }]);
  });
}

function describeExcept(open: OpenStore): void {
  const REQUEST = { destination: 'ads', limit: 2, now: 100, leaseMs: LEASE_MS };

  async function openFive() {
    const store = await open();
    await store.accept(
      makeEvents(5, (number) => ({ dueAt: number * 10 })),
      ROOMY,
    );
    const { data } = await store.listDeliveries({ limit: 10 });
    const ids = data.map(({ deliveryId }) => deliveryId).reverse();
    return { store, except: (...numbers: number[]) => ids.filter((_id, index) => numbers.includes(index + 1)) };
  }

  it('leaves the named ones alone, wherever they stand in the queue, and says when the next other falls due', async () => {
    const { store, except } = await openFive();
    const first = await store.claimDue({ ...REQUEST, except: except(1, 3, 4) });
    expect([idsOf(first), first.nextDueAt]).toEqual([[uuid(2), uuid(5)], null]);
    const second = await store.claimDue({ ...REQUEST, limit: 1, except: except(1) });
    expect([idsOf(second), second.nextDueAt]).toEqual([[uuid(3)], 40]);
    const rest = await store.claimDue(REQUEST);
    expect([idsOf(rest), rest.nextDueAt]).toEqual([[uuid(1), uuid(4)], 100 + LEASE_MS]);
  });

  it('takes nothing where only those are due, and looks past them for the next', async () => {
    const { store, except } = await openFive();
    const none = await store.claimDue({ ...REQUEST, now: 25, except: except(1, 2, 3) });
    expect(none).toEqual({ claimed: [], buried: [], nextDueAt: 40 });
    const all = await store.claimDue({ ...REQUEST, except: except(1, 2, 3, 4, 5) });
    expect(all).toEqual({ claimed: [], buried: [], nextDueAt: null });
    const unknown = await store.claimDue({ ...REQUEST, limit: 0, except: [...except(1), 999_900] });
    expect(unknown).toEqual({ claimed: [], buried: [], nextDueAt: 20 });
  });

  it('leaves out replays too', async () => {
    const { store, except } = await openFive();
    const { claimed } = await store.claimDue({ ...REQUEST, limit: 5 });
    await store.settle(claimed.map((taken) => rejected(taken)));
    const deliveryIds = claimed.map(({ deliveryId }) => deliveryId);
    await store.replay({ deliveryIds, at: 20, from: ['dead'], actor: 'operator' });
    const first = await store.claimDue({ ...REQUEST, replayLimit: 1, except: except(1, 2) });
    expect([idsOf(first), first.nextDueAt]).toEqual([[uuid(3)], null]);
    const second = await store.claimDue({ ...REQUEST, limit: 1, replayLimit: 2, except: except(1, 2) });
    expect([idsOf(second), second.nextDueAt]).toEqual([[uuid(4)], 20]);
  });

  it('refuses to leave out more than it is bounded for', async () => {
    const { store } = await openFive();
    const except = Array.from({ length: 17 }, (_, index) => index);
    await expect(store.claimDue({ ...REQUEST, except })).rejects.toThrow('at most 16');
    expect((await store.claimDue({ ...REQUEST, except: except.slice(1) })).claimed).toHaveLength(2);
  });
}

function describeReplayLimit(open: OpenStore): void {
  it('takes no more replays than it is asked for, and says nothing of those it left', async () => {
    const store = await open();
    await store.accept(
      makeEvents(4, (number) => ({ dueAt: number })),
      ROOMY,
    );
    const { claimed } = await claim(store, { now: 10 });
    await store.settle(claimed.map((taken) => rejected(taken)));
    const deliveryIds = claimed.map(({ deliveryId }) => deliveryId);
    await store.replay({ deliveryIds, at: 20, from: ['dead'], actor: 'operator' });
    await store.accept([makeEvent({ eventId: uuid(9), dueAt: 500 })], ROOMY);
    const request = { destination: 'ads', limit: 10, now: 100, leaseMs: LEASE_MS };
    const first = await store.claimDue({ ...request, replayLimit: 3 });
    expect([first.claimed.length, first.nextDueAt]).toEqual([3, 500]);
    const none = await store.claimDue({ ...request, replayLimit: 0 });
    expect([none.claimed.length, none.nextDueAt]).toEqual([0, 500]);
    const live = await store.claimDue({ ...request, replayLimit: 0, now: 500 });
    expect([idsOf(live), live.nextDueAt]).toEqual([[uuid(9)], null]);
    const last = await store.claimDue({ ...request, replayLimit: 2 });
    expect([last.claimed.length, last.nextDueAt]).toEqual([1, 100 + LEASE_MS]);
  });
}

function describeLeases(open: OpenStore): void {
  it('counts possible duplicates by destination and reason: leases that ran out, and what a settlement says', async () => {
    const store = await open();
    await store.accept(makeEvents(3), ROOMY);
    await store.accept([makeEvent({ eventId: uuid(9), to: ['crm'] })], ROOMY);
    await claim(store, { now: 0, limit: 2 });
    expect(await store.possibleDuplicates()).toEqual([]);
    const { claimed } = await claim(store, { now: LEASE_MS });
    expect(claimed).toHaveLength(3);
    const late = (settlement: Settlement): Settlement => ({
      ...settlement,
      record: settlement.record && { ...settlement.record, possibleDuplicate: 'answer_late' },
    });
    const settlements = claimed.map((taken) => late(retryable(taken)));
    await store.settle(settlements);
    // A settlement behind its fence is not recorded, and not counted.
    expect(await store.settle(settlements)).toEqual(['stale', 'stale', 'stale']);
    await store.settle([late(delivered(await claimOne(store, 0, 'crm')))]);
    expect(await store.possibleDuplicates()).toEqual([
      { destination: 'ads', reason: 'answer_late', count: 3 },
      { destination: 'ads', reason: 'lease_expired', count: 2 },
      { destination: 'crm', reason: 'answer_late', count: 1 },
    ]);
  });

  it('gives a delivery to one holder until the lease ends, then records the attempt as lost', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const first = await claimOne(store, 100);
    expect(await claim(store, { now: first.leaseUntil - 1 })).toMatchObject({
      claimed: [],
      nextDueAt: first.leaseUntil,
    });
    const second = await claimOne(store, first.leaseUntil);
    expect(second).toMatchObject({ deliveryId: first.deliveryId, attempt: 2, payload: first.payload });
    expect(await store.attempts(KEY)).toEqual([
      {
        destination: 'ads',
        number: 1,
        startedAt: 100,
        durationMs: LEASE_MS,
        outcome: 'retryable',
        httpStatus: null,
        error: 'lease_expired',
        excerpt: null,
        possibleDuplicate: 'lease_expired',
      },
    ]);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ attempts: 2, lastError: 'lease_expired' });
  });

  it('lets the holder settle after its lease, as long as nobody took over', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store, 0);
    expect(await store.settle([delivered(taken, taken.leaseUntil + 5000)])).toEqual(['applied']);
    expect((await store.find(KEY))?.deliveries[0]?.deliveredAt).toBe(taken.leaseUntil + 5000);
  });
}

function describeAttemptLimit(open: OpenStore): void {
  it('buries a due delivery that has used up its attempts, and says so', async () => {
    const store = await open({ attemptLimit: 2 });
    await store.accept([makeEvent()], ROOMY);
    for (const attempt of [1, 2]) {
      const taken = await claimOne(store);
      expect(taken.attempt).toBe(attempt);
      await store.settle([retryable(taken)]);
    }
    const { deliveryId } = (await store.find(KEY))?.deliveries[0] ?? {};
    expect(await claim(store)).toEqual({
      claimed: [],
      buried: [{ eventId: uuid(1), clientId: 'client-a', deliveryId }],

      nextDueAt: null,
    });
    expect(await store.find(KEY)).toMatchObject({
      status: 'dead',
      deliveries: [{ status: 'dead', deadReason: 'attempts_exhausted', attempts: 2, nextAttemptAt: null }],
    });
    expect(await claim(store)).toEqual({ claimed: [], buried: [], nextDueAt: null });
  });

  it('buries one whose last lease ran out, with the lost attempt on record', async () => {
    const store = await open({ attemptLimit: 1 });
    await store.accept([makeEvent()], ROOMY);
    await claimOne(store, 0);
    expect(await claim(store, { now: LEASE_MS })).toMatchObject({ claimed: [], buried: [{ eventId: uuid(1) }] });
    expect(await store.attempts(KEY)).toMatchObject([{ number: 1, error: 'lease_expired' }]);
  });

  it('uses up nothing for an attempt that was held or passed over', async () => {
    const store = await open({ attemptLimit: 1 });
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store), { burnsAttempt: false })]);
    await store.settle([passedOver(await claimOne(store))]);
    expect(await claimOne(store)).toMatchObject({ attempt: 3 });
    expect(await store.attempts(KEY)).toMatchObject([{ number: 1, outcome: 'held' }]);
  });

  it('is raised by a replay', async () => {
    const store = await open({ attemptLimit: 1 });
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store))]);
    const [buried] = (await claim(store)).buried;
    await store.replay({ deliveryIds: [buried?.deliveryId ?? 0], at: 0, from: ['dead'], actor: 'operator' });
    const replayed = await claimOne(store);
    expect(replayed.retryUntil).toBeNull();
    await store.settle([retryable(replayed)]);
    expect((await claim(store)).buried).toHaveLength(1);
  });
}

function describeSettling(open: OpenStore): void {
  it('records a delivered attempt', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store))]);
    const taken = await claimOne(store);
    expect(await store.settle([delivered(taken, 123)])).toEqual(['applied']);
    expect(await store.find(KEY)).toMatchObject({
      status: 'delivered',
      deliveries: [
        {
          ...{ status: 'delivered', deliveredAt: 123, nextAttemptAt: null, attempts: 2 },
          ...{ lastError: null, lastHttpStatus: 202, deadReason: null },
        },
      ],
    });
    expect(await claim(store, { now: Number.MAX_SAFE_INTEGER })).toEqual({
      claimed: [],
      buried: [],

      nextDueAt: null,
    });
  });

  it('sends a retryable one back to its place in the queue', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store), { dueAt: 700, retryUntil: 9000 })]);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({
      ...{ status: 'pending', nextAttemptAt: 700, attempts: 1, lastError: 'http_503', lastHttpStatus: 503 },
    });
    expect((await claim(store, { now: 699 })).claimed).toEqual([]);
    expect(await claimOne(store, 700)).toMatchObject({ attempt: 2, retryUntil: 9000, isReplay: false });
  });

  it('forgets when retries end, where the settlement says so', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store), { retryUntil: 9000 })]);
    await store.settle([retryable(await claimOne(store), { retryUntil: null })]);
    expect((await claimOne(store)).retryUntil).toBeNull();
  });

  it('ends a rejected one at once, with the reason', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([rejected(await claimOne(store), 'payload_corrupt')]);
    expect(await store.find(KEY)).toMatchObject({
      status: 'dead',
      deliveries: [{ status: 'dead', deadReason: 'payload_corrupt', nextAttemptAt: null, lastError: 'http_400' }],
    });
  });

  it('keeps every attempt with all it knows, oldest first', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    const records = [
      makeRecord({ number: 1, startedAt: 10, excerpt: '…"oops"\n', possibleDuplicate: 'answer_lost' }),
      makeRecord({
        number: 2,
        startedAt: 30,
        outcome: 'rejected',
        httpStatus: null,
        error: 'ECONNRESET',
        excerpt: null,
      }),
    ];
    const [first, second] = records;
    const taken = await claimOne(store);
    await store.settle([{ ...retryable(taken), record: first ?? null }]);
    const other = makeRecord({ number: 1, startedAt: 20 });
    await store.settle([{ ...retryable(await claimOne(store, 0, 'crm')), record: other }]);
    await store.settle([{ ...rejected(await claimOne(store)), record: second ?? null }]);
    expect(await store.attempts(KEY)).toEqual([
      { destination: 'ads', ...first },
      { destination: 'crm', ...other },
      { destination: 'ads', ...second },
    ]);
    expect(await store.attempts({ ...KEY, clientId: null })).toHaveLength(3);
    expect(await store.attempts({ ...KEY, clientId: 'client-b' })).toBeNull();
  });

  it('has no attempts for an event that was not tried, and null for one that is not there', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    expect(await store.attempts(KEY)).toEqual([]);
    expect(await store.attempts({ eventId: uuid(2), clientId: null })).toBeNull();
  });

  it('passes over an attempt that sent nothing: its number is used, nothing is recorded', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await store.settle([retryable(await claimOne(store))]);
    await store.settle([passedOver(await claimOne(store), 40)]);
    expect(await store.attempts(KEY)).toMatchObject([{ number: 1 }]);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({
      ...{ status: 'pending', attempts: 2, nextAttemptAt: 40, lastError: 'http_503', lastHttpStatus: 503 },
    });
  });

  it('ends a delivery that was not sent at all', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    await store.settle([{ ...rejected(taken, 'too_old_for_destination'), record: null }]);
    expect(await store.attempts(KEY)).toEqual([]);
    expect((await store.find(KEY))?.deliveries[0]).toMatchObject({ deadReason: 'too_old_for_destination' });
  });

  it('settles many in one call, in their order', async () => {
    const store = await open();
    await store.accept(makeEvents(4), ROOMY);
    const [a, b, c, d] = (await claim(store)).claimed;
    if (!a || !b || !c || !d) throw new Error('four deliveries were due');
    const results = await store.settle([delivered(a), { ...delivered(b), attempt: 9 }, rejected(c), retryable(d)]);
    expect(results).toEqual(['applied', 'stale', 'applied', 'applied']);
    expect(await store.countByStatus()).toEqual(
      ['dead', 'delivered', 'delivering', 'pending'].map((status) => ({ destination: 'ads', status, count: 1 })),
    );
    expect(await store.settle([])).toEqual([]);
  });

  it('derives the status of an event from all its deliveries', async () => {
    const store = await open();
    await store.accept([makeEvent({ to: ['ads', 'crm'] })], ROOMY);
    const [ads, crm] = [await claimOne(store, 0, 'ads'), await claimOne(store, 0, 'crm')];
    const status = async (): Promise<string | undefined> => (await store.find(KEY))?.status;
    expect(await status()).toBe('pending');
    await store.settle([delivered(ads)]);
    expect(await status()).toBe('pending');
    await store.settle([rejected(crm)]);
    expect(await status()).toBe('dead');
    await store.replay({ deliveryIds: [crm.deliveryId], at: 0, from: ['dead'], actor: 'operator' });
    expect(await status()).toBe('pending');
    await store.settle([delivered(await claimOne(store, 0, 'crm'))]);
    expect(await status()).toBe('delivered');
  });
}

function describeFence(open: OpenStore): void {
  it('turns away a worker whose delivery another has taken over', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const late = await claimOne(store, 0);
    const present = await claimOne(store, LEASE_MS);
    const before = await stateOf(store);
    expect(await store.settle([delivered(late)])).toEqual(['stale']);
    expect(await stateOf(store)).toEqual(before);
    expect(await store.settle([delivered(present)])).toEqual(['applied']);
  });

  it('takes one settlement for an attempt, not two', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const taken = await claimOne(store);
    expect(await store.settle([delivered(taken), rejected(taken)])).toEqual(['applied', 'stale']);
    const before = await stateOf(store);
    expect(await store.settle([rejected(taken)])).toEqual(['stale']);
    expect(await stateOf(store)).toEqual(before);
  });

  it('holds over a replay: the numbers go on', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const first = await claimOne(store);
    await store.settle([rejected(first)]);
    await store.replay({ deliveryIds: [first.deliveryId], at: 0, from: ['dead'], actor: 'operator' });
    const second = await claimOne(store);
    expect(second.attempt).toBe(2);
    expect(await store.settle([delivered(first)])).toEqual(['stale']);
    expect(await store.settle([delivered(second)])).toEqual(['applied']);
  });

  it.each(['pending', 'delivered', 'dead', 'discarded'] as const)('settles nothing that is %s', async (status) => {
    const store = await open();
    const deliveryId = await makeDelivery(store, status);
    const before = await stateOf(store);
    for (const attempt of [0, 1, 2]) {
      expect(await store.settle([delivered({ deliveryId, attempt })])).toEqual(['stale']);
      expect(await store.settle([retryable({ deliveryId, attempt })])).toEqual(['stale']);
      expect(await store.settle([rejected({ deliveryId, attempt })])).toEqual(['stale']);
    }
    expect(await stateOf(store)).toEqual(before);
  });

  it('settles nothing that is not there', async () => {
    const store = await open();
    expect(await store.settle([delivered({ deliveryId: 100, attempt: 1 })])).toEqual(['stale']);
  });
}

async function stateOf(store: EventStore): Promise<unknown> {
  return [await store.find(KEY), await store.attempts(KEY), await store.countByStatus()];
}

function describeTries(open: OpenStore): void {
  it('counts the tries of one schedule: not those passed over, and anew after a hold or a replay', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    const triesAndNumber = async (): Promise<number[]> => {
      const taken = await claimOne(store);
      last = taken;
      return [taken.tries, taken.attempt];
    };
    let last = { deliveryId: 0, attempt: 0 };
    expect(await triesAndNumber()).toEqual([1, 1]);
    await store.settle([retryable(last)]);
    expect(await triesAndNumber()).toEqual([2, 2]);
    await store.settle([passedOver(last)]);
    expect(await triesAndNumber()).toEqual([2, 3]);
    await store.settle([retryable(last, { burnsAttempt: false })]);
    expect(await triesAndNumber()).toEqual([1, 4]);
    await store.settle([retryable(last)]);
    expect(await triesAndNumber()).toEqual([2, 5]);
    await store.settle([rejected(last)]);
    await store.replay({ deliveryIds: [last.deliveryId], at: 0, from: ['dead'], actor: 'operator' });
    expect(await triesAndNumber()).toEqual([1, 6]);
  });

  it('counts an attempt that was lost with its lease', async () => {
    const store = await open();
    await store.accept([makeEvent()], ROOMY);
    await claimOne(store, 0);
    expect(await claimOne(store, LEASE_MS)).toMatchObject({ tries: 2, attempt: 2 });
  });
}
