import fc from 'fast-check';
import { MemoryEventStore } from '../../src/external-services/memory-event-store';
import type { SqliteEventStore } from '../../src/external-services/sqlite/sqlite-event-store';
import type { EventStore } from '../../src/interfaces/event-store';
import type { ClaimedDelivery } from '../../src/types/delivery';
import { propertyRuns, propertyTimeoutMs } from '../support/property-runs';
import { expectNoFaults } from './event-store-contract';
import { delivered, makeEvent, passedOver, rejected, retryable, uuid } from './store-fixtures';
import { openStore, removeFiles } from './sqlite-files';

// Any sequence of calls gets the same answers from both stores. The plain one is the model of the fast one.

/** One call, with its arguments made from what earlier claims returned. */
type Step = (store: EventStore, now: number, claimed: readonly ClaimedDelivery[]) => Promise<unknown>;

const destination = fc.constantFrom('ads', 'crm');
const small = fc.integer({ min: 0, max: 5 });

const accept: fc.Arbitrary<Step> = fc
  .record({
    events: fc.array(
      fc.record({
        eventId: fc.integer({ min: 1, max: 12 }).map(uuid),
        clientId: fc.constantFrom('client-a', 'client-b'),
        userId: fc.constantFrom('u1', 'u2'),
        content: fc.constantFrom('same', 'same', 'other'),
        to: fc.constantFrom([], ['ads'], ['ads', 'crm']),
        dueAt: fc.integer({ min: 0, max: 40 }),
        acceptedAt: fc.integer({ min: 0, max: 8 }).map((hours) => hours * 1_000_000),
      }),
      { maxLength: 6 },
    ),
    backlogMax: fc.integer({ min: 0, max: 20 }),
  })
  .map(
    ({ events, backlogMax }) =>
      (store) =>
        store.accept(events.map(makeEvent), { backlogMax }),
  );

const claim: fc.Arbitrary<Step> = fc
  .record(
    {
      destination,
      limit: small,
      leaseMs: fc.integer({ min: 1, max: 20 }),
      replayLimit: small,
      leftOut: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['destination', 'limit', 'leaseMs'] },
  )
  .map(({ leftOut, ...request }) => (store, now, claimed) => {
    const except = leftOut?.flatMap((index) => claimed[index % Math.max(claimed.length, 1)]?.deliveryId ?? []);
    return store.claimDue({ ...request, now, ...(except && { except }) });
  });

const settle: fc.Arbitrary<Step> = fc
  .array(
    fc.record({
      which: fc.nat(30),
      off: fc.constantFrom(0, 0, 0, 0, -1, 1),
      how: fc.constantFrom('delivered', 'rejected', 'retryable', 'held', 'passed over'),
      dueAt: fc.integer({ min: 0, max: 60 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((choices) => (store, at, claimed) => {
    const settlements = choices.flatMap(({ which, off, how, dueAt }) => {
      const one = claimed[claimed.length - 1 - (which % Math.max(claimed.length, 1))];
      if (one === undefined) return [];
      const fenced = { ...one, attempt: one.attempt + off };
      if (how === 'delivered') return [delivered(fenced, at)];
      if (how === 'rejected') return [rejected(fenced, 'rejected', at)];
      if (how === 'passed over') return [passedOver(fenced, dueAt)];
      return [
        retryable(fenced, { dueAt, at, burnsAttempt: how === 'retryable', retryUntil: dueAt % 2 ? null : dueAt }),
      ];
    });
    return store.settle(settlements);
  });

const operate: fc.Arbitrary<Step> = fc
  .record({
    which: fc.array(fc.nat(30), { maxLength: 4 }),
    from: fc.constantFrom<('dead' | 'delivered')[]>(['dead'], ['dead', 'delivered'], []),
    discardFrom: fc.constantFrom<('dead' | 'pending')[]>(['dead'], ['dead', 'pending'], ['pending'], []),
    isReplay: fc.boolean(),
  })
  .map(({ which, from, discardFrom, isReplay }) => (store, at, claimed) => {
    const deliveryIds = which.flatMap((index) => claimed[index % Math.max(claimed.length, 1)]?.deliveryId ?? []);
    if (isReplay) return store.replay({ deliveryIds, at, from, actor: 'operator' });
    return store.discard({ deliveryIds, at, from: discardFrom, actor: 'operator', reason: 'test' });
  });

const hold: fc.Arbitrary<Step> = fc
  .record({ destination, kind: fc.constantFrom('operator', 'gone', 'none', 'unstored'), ago: small })
  .map(({ destination: name, kind, ago }) => (store, now) => {
    if (kind === 'unstored') return store.addHeld(name, ago);
    const action = { at: now, actor: 'operator', action: 'test', detail: kind };
    if (kind === 'none') return store.setHold(name, null, action);
    const standing = { destination: name, kind, since: now - ago, reason: 'test', actor: 'operator' } as const;
    return store.setHold(name, standing, action);
  });

const prune: fc.Arbitrary<Step> = fc
  .integer({ min: 0, max: 9 })
  .map((hours) => (store) => store.prune({ acceptedBefore: hours * 1_000_000, limit: 100 }));

const step = fc.oneof(
  { arbitrary: accept, weight: 4 },
  { arbitrary: claim, weight: 5 },
  { arbitrary: settle, weight: 5 },
  { arbitrary: operate, weight: 2 },
  { arbitrary: hold, weight: 1 },
  { arbitrary: prune, weight: 1 },
);

const walk = fc.array(fc.record({ step, pause: fc.integer({ min: 0, max: 15 }) }), { minLength: 1, maxLength: 40 });

async function everythingIn(store: EventStore): Promise<unknown> {
  const { data } = await store.list({ clientId: null, limit: 1000 });
  return {
    data,
    attempts: await Promise.all(data.map(({ event }) => store.attempts(event))),
    deliveries: await store.listDeliveries({ limit: 1000 }),
    points: [await store.points('u1'), await store.points('u2')],
    counts: await store.countByStatus(),
    possibleDuplicates: await store.possibleDuplicates(),
    actions: await store.actions(1000),
    holds: [await store.holds(), await store.heldMs()],
  };
}

/** SQLite leaves out the row number of an event that it finds stored already; nothing else of an id means anything. */
function withoutIds(value: unknown): unknown {
  const text: string | undefined = JSON.stringify(value, (key, field) => {
    if (key === 'deliveryId') return undefined;
    return key === 'detail' ? String(field).replace(/: [^;]*/, '') : field;
  });
  return JSON.parse(text ?? 'null');
}

class Walker {
  private readonly claimed: ClaimedDelivery[] = [];

  constructor(readonly store: EventStore) {}

  async take(call: Step, now: number): Promise<unknown> {
    const answer = await call(this.store, now, this.claimed);
    if (typeof answer === 'object' && answer !== null && 'claimed' in answer) {
      this.claimed.push(...(answer.claimed as ClaimedDelivery[]));
    }
    return withoutIds(answer);
  }
}

async function takeWalk(
  sqlite: SqliteEventStore,
  steps: readonly { readonly step: Step; readonly pause: number }[],
): Promise<void> {
  const actual = new Walker(sqlite);
  const model = new Walker(new MemoryEventStore({ attemptLimit: 3 }));
  let now = 0;
  for (const { step: call, pause } of steps) {
    now += pause;
    expect(await actual.take(call, now)).toEqual(await model.take(call, now));
  }
  expect(withoutIds(await everythingIn(sqlite))).toEqual(withoutIds(await everythingIn(model.store)));
  await expectNoFaults(sqlite);
}

afterEach(removeFiles);

it(
  'SqliteEventStore answers any sequence of calls as MemoryEventStore does',
  async () => {
    await fc.assert(
      fc.asyncProperty(walk, async (steps) => {
        await takeWalk(await openStore({ attemptLimit: 3 }), steps);
        await removeFiles();
      }),
      { numRuns: propertyRuns(150) },
    );
  },
  propertyTimeoutMs,
);
