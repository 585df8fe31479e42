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
}

/** How often the store is asked what other processes have held or resumed. */
const REFRESH_MS = 2_000;
const GATEWAY = 'sluice';

/**
 * Which destinations are not sent to, and why. An operator's pause and a 410 stand in the store, over restarts and for every process that
 * shares it; while one stands, the destination's circuit is held. A 401 or 403 only opens the circuit, and is shown here until it closes.
 */
export class DestinationHolds implements Startable {
  private readonly circuits = new Map<string, Circuit>();
  private readonly listening = new Map<string, () => void>();
  private held = new Map<string, Hold>();
  /** Not in the store: they end by themselves. */
  private readonly unauthorized = new Map<string, Hold>();
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
    this.unauthorized.delete(destination);
    const hold = this.of(destination);
    if (hold !== null) circuit.hold(hold.reason);
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
    await this.saving;
  }

  of(destination: string): Hold | null {
    return this.unsaved.get(destination) ?? this.held.get(destination) ?? this.unauthorized.get(destination) ?? null;
  }

  /**
   * For how long the destination has been held in all, a pause or 410 of now included: its retry clock shows `now` minus
   * this. A 401 or 403 counts once it is added by `addHeld`.
   */
  heldMs(destination: string, now: number): number {
    const { heldMs, since } = this.heldTimeOf(destination);
    const starts = [since, this.unsaved.get(destination)?.since ?? null].filter((start) => start !== null);
    return heldMs + Math.max(0, ...starts.map((start) => now - start));
  }

  /** Adds a time in which the destination was held without a stored hold. Rejects with StoreUnavailableError, and then changed nothing. */
  async addHeld(destination: string, ms: number): Promise<void> {
    await this.parts.store.addHeld(destination, ms);
    this.noteHeld({ ...this.heldTimeOf(destination), heldMs: this.heldTimeOf(destination).heldMs + ms });
  }

  /** Nothing is sent to it until `resume`; its events are kept. A second pause changes the reason. Rejects with StoreUnavailableError, and then changed nothing. */
  async pause(destination: string, reason: string, actor: string): Promise<Hold> {
    const hold: Hold = { destination, kind: 'operator', since: this.parts.runtime.now(), reason, actor };
    await this.save(hold, reason);
    return hold;
  }

  /** Ends a pause and a 410's hold. Rejects with StoreUnavailableError, and then changed nothing. */
  async resume(destination: string, actor: string): Promise<void> {
    const action = { at: this.parts.runtime.now(), actor, action: 'resume', detail: destination };
    await this.parts.store.setHold(destination, null, action);
    this.noteHold(destination, null, action.at);
    this.held.delete(destination);
    this.unsaved.delete(destination);
    this.circuits.get(destination)?.release();
  }

  /** What others have changed in the store, taken over. */
  async refresh(): Promise<void> {
    for (const [destination, hold] of [...this.unsaved]) {
      if (this.unsaved.get(destination) === hold) await this.save(hold, hold.reason);
    }
    await this.read();
  }

  private async read(): Promise<void> {
    const before = this.changes;
    const [holds, heldTimes] = await Promise.all([this.parts.store.holds(), this.parts.store.heldMs()]);
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
    await this.parts.store.setHold(destination, hold, {
      at: hold.since,
      actor,
      action,
      detail: `${destination}: ${detail}`,
    });
    this.noteHold(destination, hold.since, hold.since);
    this.unsaved.delete(destination);
    this.held.set(destination, hold);
    this.circuits.get(destination)?.hold(hold.reason);
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
      else circuit.hold(hold.reason);
    }
  }

  private notice(destination: string, { cause }: CircuitChange): void {
    if (cause === 'tripped') {
      const reason = 'it answered 401 or 403; a real event is its probe once the circuit lets one through';
      this.unauthorized.set(destination, this.madeHere(destination, 'unauthorized', reason));
    } else if (cause === 'probes_succeeded' || cause === 'probe_failed') {
      this.unauthorized.delete(destination);
    } else if (cause === 'held' && !this.held.has(destination) && !this.unsaved.has(destination)) {
      // The lane holds the circuit by itself only for this one answer.
      const hold = this.madeHere(destination, 'gone', 'it answered 410 Gone; resume it once it takes events again');
      this.unsaved.set(destination, hold);
      const saved = this.save(hold, hold.reason).catch((error: unknown) => {
        this.parts.log.error({ destination, err: error }, 'holds.save_failed');
      });
      this.saving = Promise.all([this.saving, saved]);
    }
  }

  private madeHere(destination: string, kind: Hold['kind'], reason: string): Hold {
    return { destination, kind, since: this.parts.runtime.now(), reason, actor: GATEWAY };
  }
}
