import type { EventStore } from '../../interfaces/event-store';

/**
 * The verbs of the EventStore port as data, for what treats all of them alike: a guard, a thread, a simulated disk. A verb that
 * is missing here, or that the port does not have, is a type error.
 */

/** `ends`: it is harmless twice, and allowed when nothing else is. */
type Effect = 'reads' | 'writes' | 'ends';

const EFFECTS = {
  events: { accept: 'writes', find: 'reads', list: 'reads', attempts: 'reads', points: 'reads' },
  deliveries: {
    claimDue: 'writes',
    settle: 'writes',
    list: 'reads',
    countByStatus: 'reads',
    possibleDuplicates: 'reads',
  },
  operator: {
    replay: 'writes',
    discard: 'writes',
    holds: 'reads',
    setHold: 'writes',
    heldMs: 'reads',
    addHeld: 'writes',
    actions: 'reads',
    recordAction: 'writes',
    actionCount: 'reads',
  },
  upkeep: { prune: 'writes', heartbeat: 'reads', recordHeartbeat: 'writes', check: 'writes', close: 'ends' },
} as const satisfies { readonly [Group in keyof EventStore]: Readonly<Record<keyof EventStore[Group], Effect>> };

export interface StoreVerb {
  readonly group: keyof EventStore;
  readonly name: string;
  readonly effect: Effect;
}

export function nameOf({ group, name }: StoreVerb): string {
  return `${group}.${name}`;
}

/** All of them. */
export const STORE_VERBS: readonly StoreVerb[] = (['events', 'deliveries', 'operator', 'upkeep'] as const).flatMap(
  (group) => Object.entries(EFFECTS[group]).map(([name, effect]) => ({ group, name, effect })),
);

export type StoreCall = (...args: readonly unknown[]) => Promise<unknown>;

/** A store whose verbs are what `callOf` gives for each; it is asked once for every verb. */
export function storeOf(callOf: (verb: StoreVerb) => StoreCall): EventStore {
  const groups: Record<keyof EventStore, Record<string, StoreCall>> = {
    ...{ events: {}, deliveries: {}, operator: {}, upkeep: {} },
  };
  for (const verb of STORE_VERBS) groups[verb.group][verb.name] = callOf(verb);
  // The types of the verbs are given up and taken on again here: EFFECTS has exactly the verbs of the port.
  return groups as unknown as EventStore;
}

/** Calls a verb of a store by its name. */
export function callVerb(store: EventStore, verb: StoreVerb, args: readonly unknown[]): Promise<unknown> {
  const group = store[verb.group];
  const call = (group as unknown as Readonly<Record<string, StoreCall>>)[verb.name];
  if (call === undefined) throw new Error(`a store has no verb ${nameOf(verb)}`);
  return call.apply(group, [...args]);
}

/** The same store with some of its verbs changed. */
export function withVerbs(
  store: EventStore,
  changed: { readonly [Group in keyof EventStore]?: Partial<EventStore[Group]> },
): EventStore {
  const same = storeOf(
    (verb) =>
      (...args) =>
        callVerb(store, verb, args),
  );
  return {
    events: { ...same.events, ...changed.events },
    deliveries: { ...same.deliveries, ...changed.deliveries },
    operator: { ...same.operator, ...changed.operator },
    upkeep: { ...same.upkeep, ...changed.upkeep },
  };
}
