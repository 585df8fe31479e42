import type { EventStore } from '../../interfaces/event-store';
import type { Log } from '../../interfaces/log';
import type { Runtime } from '../../interfaces/runtime';
import type { Startable } from '../../interfaces/startable';
import type { HeldTime, Hold } from '../../types/delivery';
import type { Circuit } from '../resilience/circuit';
import type { CircuitChange } from '../resilience/circuit-machine';

export interface DestinationHoldsParts {
  readonly store: EventStore;
  readonly runtime: Runtime;
  readonly log: Log;
  /** A call that begins now is recorded within this time. */
  readonly leaseMs: number;
}

/** A hold that is not in the store, since it ends by itself. */
interface PassingHold {
  readonly hold: Hold;
  /** The time up to which it is counted in `owed`. */
  readonly countedTo: number;
  /** How many deliveries the destination had taken when the store was last asked; null until then. */
  readonly delivered: number | null;
}

/** How often the store is asked what other processes have held or resumed. */
const REFRESH_MS = 2_000;
const GATEWAY = 'sluice';

/**
 * Which destinations are not sent to, and why. An operator's pause, and a 410 that several events have met, are in the store: over
 * restarts and for every process that shares it; while one is there, the destination's circuit is held. A 401 or 403, and a 410 to fewer
 * events, only opens the circuit, and is shown here until that closes.
 */
export class DestinationHolds implements Startable {
  private readonly circuits = new Map<string, Circuit>();
  private readonly listening = new Map<string, () => void>();
  private held = new Map<string, Hold>();
  private readonly passing = new Map<string, PassingHold>();
  /** For how long passing holds have held each destination, as far as the store does not know it yet. */
  private readonly owed = new Map<string, number>();
  private readonly paying = new Set<string>();
  /** A 410 whose hold the store could not take yet. */
  private readonly unsaved = new Map<string, Hold>();
  /** For how long each destination was held, as the store knows it. */
  private heldTimes = new Map<string, HeldTime>();
  /** Counts what this process changed, so that an older reading of the store is not taken for news. */
  private changes = 0;
  private readonly stopping = new AbortController();
  private loop: Promise<void> | null = null;
  private saving: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: DestinationHoldsParts) {}

  /** From now on this is the circuit of the destination; it is held if the destination is. */
  adopt(destination: string, circuit: Circuit): void {
    this.listening.get(destination)?.();
    this.circuits.set(destination, circuit);
    this.endPassing(destination);
    const hold = this.of(destination);
    if (hold !== null) circuit.hold();
    this.listening.set(
      destination,
      circuit.onChange((change) => this.notice(destination, change)),
    );
  }

  /** Reads the holds before anything is sent. Rejects with StoreUnavailableError. */
  async start(): Promise<void> {
    await this.read();
    this.loop ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
    for (const destination of this.passing.keys()) this.endPassing(destination);
    await this.saving;
    for (const destination of this.owed.keys()) this.saveSoon(destination, () => this.payOwed(destination));
    await this.saving;
  }

  of(destination: string): Hold | null {
    const stored = this.unsaved.get(destination) ?? this.held.get(destination);
    return stored ?? this.passing.get(destination)?.hold ?? null;
  }

  /** For how long the destination has been held in all, until `now`: its retry clock shows `now` minus this. */
  heldMs(destination: string, now: number): number {
    const { heldMs, since } = this.heldTimeOf(destination);
    const starts = [since, this.unsaved.get(destination)?.since, this.passing.get(destination)?.countedTo];
    const presentMs = starts.map((start) => now - (start ?? now));
    return heldMs + (this.owed.get(destination) ?? 0) + Math.max(0, ...presentMs);
  }

  /** Nothing is sent to it until `resume`; its events are kept. A second pause changes the reason. Rejects with StoreUnavailableError, and then changed nothing. */
  async pause(destination: string, reason: string, actor: string): Promise<Hold> {
    const hold: Hold = { destination, kind: 'operator', since: this.parts.runtime.now(), reason, actor };
    await this.save(hold, reason);
    return hold;
  }

  /** Ends a pause and whatever the gateway holds it for. Rejects with StoreUnavailableError, and then changed nothing. */
  async resume(destination: string, actor: string): Promise<void> {
    const action = { at: this.parts.runtime.now(), actor, action: 'resume', detail: destination };
    await this.parts.store.operator.setHold(destination, null, action);
    this.noteHold(destination, null, action.at);
    this.held.delete(destination);
    this.unsaved.delete(destination);
    this.circuits.get(destination)?.resume();
  }

  /** What others have changed in the store, taken over. */
  async refresh(): Promise<void> {
    for (const [destination, hold] of [...this.unsaved]) {
      if (this.unsaved.get(destination) === hold) await this.save(hold, hold.reason);
    }
    for (const destination of this.owed.keys()) await this.payOwed(destination);
    await this.lookElsewhere();
    await this.read();
  }

  /** Ends the passing holds of destinations that other processes deliver to: each process sees its own calls only. */
  private async lookElsewhere(): Promise<void> {
    if (this.passing.size === 0) return;
    const now = this.parts.runtime.now();
    const counts = await this.parts.store.deliveries.countByStatus();
    for (const [destination, passing] of this.passing) {
      // Before that, calls of this process that had begun earlier may still be recorded.
      if (now - passing.hold.since < this.parts.leaseMs) continue;
      const taken = counts.find((each) => each.destination === destination && each.status === 'delivered');
      const delivered = taken?.count ?? 0;
      this.passing.set(destination, { ...passing, delivered });
      if (passing.delivered !== null && delivered > passing.delivered) this.circuits.get(destination)?.acquit();
    }
  }

  private async read(): Promise<void> {
    const before = this.changes;
    const [holds, heldTimes] = await Promise.all([
      this.parts.store.operator.holds(),
      this.parts.store.operator.heldMs(),
    ]);
    if (before !== this.changes) return;
    this.heldTimes = new Map(heldTimes.map((heldTime) => [heldTime.destination, heldTime]));
    this.apply(holds);
  }

  private async run(): Promise<void> {
    const { runtime, log } = this.parts;
    const { signal } = this.stopping;
    for (;;) {
      await runtime.sleep(REFRESH_MS, signal);
      if (signal.aborted) return;
      await this.refresh().catch((error: unknown) => log.warn({ err: error }, 'holds.refresh_failed'));
    }
  }

  private async save(hold: Hold, detail: string): Promise<void> {
    const { destination, kind, actor } = hold;
    const action = kind === 'operator' ? 'pause' : 'hold';
    await this.parts.store.operator.setHold(destination, hold, {
      at: hold.since,
      actor,
      action,
      detail: `${destination}: ${detail}`,
    });
    this.noteHold(destination, hold.since, hold.since);
    this.unsaved.delete(destination);
    this.held.set(destination, hold);
    this.circuits.get(destination)?.hold();
  }

  private heldTimeOf(destination: string): HeldTime {
    return this.heldTimes.get(destination) ?? { destination, heldMs: 0, since: null };
  }

  /** What the store has done with the time of the hold that ended at `until`; the next reading of it is exact again. */
  private noteHold(destination: string, since: number | null, until: number): void {
    const known = this.heldTimeOf(destination);
    const endedMs = known.since === null ? 0 : Math.max(0, until - known.since);
    this.noteHeld({ destination, heldMs: known.heldMs + endedMs, since });
  }

  private noteHeld(heldTime: HeldTime): void {
    this.changes += 1;
    this.heldTimes.set(heldTime.destination, heldTime);
  }

  private apply(holds: readonly Hold[]): void {
    this.held = new Map(holds.map((hold) => [hold.destination, hold]));
    for (const [destination, circuit] of this.circuits) {
      const hold = this.unsaved.get(destination) ?? this.held.get(destination);
      if (hold === undefined) circuit.release();
      else circuit.hold();
    }
  }

  private notice(destination: string, { cause }: CircuitChange): void {
    if (cause === 'tripped') {
      const reason = 'it answered 401 or 403; a real event is its probe once the circuit lets one through';
      this.beginPassing(destination, 'unauthorized', reason);
    } else if (cause === 'gone') {
      const reason = 'it answered 410 Gone to too few events to be sure; another event, or an operator, ends this';
      this.beginPassing(destination, 'gone', reason);
    } else if (cause !== 'cooldown_over') {
      this.endPassing(destination);
    }
    if (cause === 'held' && !this.held.has(destination) && !this.unsaved.has(destination)) {
      // The lane holds the circuit by itself only for this one answer.
      const hold = this.madeHere(destination, 'gone', 'it answered 410 Gone; resume it once it takes events again');
      this.unsaved.set(destination, hold);
      this.saveSoon(destination, () => this.save(hold, hold.reason));
    }
  }

  /** At each refused probe too, so that a process that dies loses the time of one cooldown at most. */
  private beginPassing(destination: string, kind: Hold['kind'], reason: string): void {
    const known = this.passing.get(destination);
    this.endPassing(destination);
    const made = this.madeHere(destination, kind, reason);
    const isSame = known?.hold.kind === kind;
    this.passing.set(destination, {
      hold: { ...made, since: isSame ? known.hold.since : made.since },
      countedTo: made.since,
      delivered: isSame ? known.delivered : null,
    });
  }

  private endPassing(destination: string): void {
    const passing = this.passing.get(destination);
    if (passing === undefined) return;
    this.passing.delete(destination);
    const ms = Math.max(0, Math.round(this.parts.runtime.now() - passing.countedTo));
    if (ms === 0) return;
    this.owed.set(destination, (this.owed.get(destination) ?? 0) + ms);
    this.saveSoon(destination, () => this.payOwed(destination));
  }

  /** Tells the store what it does not know of the destination's held time. */
  private async payOwed(destination: string): Promise<void> {
    const ms = this.owed.get(destination) ?? 0;
    if (ms === 0 || this.paying.has(destination)) return;
    this.paying.add(destination);
    try {
      await this.parts.store.operator.addHeld(destination, ms);
    } finally {
      this.paying.delete(destination);
    }
    this.owed.set(destination, (this.owed.get(destination) ?? 0) - ms);
    const known = this.heldTimeOf(destination);
    this.noteHeld({ ...known, heldMs: known.heldMs + ms });
  }

  /** Where it fails, `refresh` tries it again. */
  private saveSoon(destination: string, save: () => Promise<void>): void {
    const saved = save().catch((error: unknown) => {
      this.parts.log.error({ destination, err: error }, 'holds.save_failed');
    });
    this.saving = Promise.all([this.saving, saved]);
  }

  private madeHere(destination: string, kind: Hold['kind'], reason: string): Hold {
    return { destination, kind, since: this.parts.runtime.now(), reason, actor: GATEWAY };
  }
}
