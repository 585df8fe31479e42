import { pick, within, type Random } from '../random';
import type { AdEventsXSettings } from '../settings-table';
import { readBehaviour, readScriptEntry, type Behaviour } from './behaviour';

interface Decision {
  readonly behaviour: Behaviour;
  readonly delayMs: number;
}

const accept: Behaviour = { kind: 'accept' };

/**
 * Chooses the behaviour of each call: the script while it lasts, then failures and faults by rate,
 * then the default.
 */
export class BehaviourPlan {
  private settings: AdEventsXSettings | null = null;
  private script: readonly string[] = [];
  private position = 0;
  private timesUsed = 0;
  private byRate: readonly { behaviour: Behaviour; below: number }[] = [];
  private otherwise: Behaviour = accept;

  constructor(private readonly random: Random) {}

  next(settings: AdEventsXSettings): Decision {
    if (settings !== this.settings) this.adopt(settings);
    // Three draws for each call, so that a changed setting does not shift the later calls.
    const [which, status, delay] = [this.random(), this.random(), this.random()];
    const behaviour = this.nextOfScript() ?? this.drawn(settings, which, status);
    return { behaviour, delayMs: within(settings.delayMs, delay) };
  }

  private adopt(settings: AdEventsXSettings): void {
    this.settings = settings;
    // A script that is set again starts from its first entry, even with the same text; other
    // settings keep its position.
    if (settings.script !== this.script) {
      this.script = settings.script;
      this.position = 0;
      this.timesUsed = 0;
    }
    let below = settings.failRate;
    this.byRate = Object.entries(settings.faults).map(([name, rate]) => {
      below += rate;
      return { behaviour: readBehaviour(name) ?? accept, below };
    });
    this.otherwise = readBehaviour(settings.behaviour) ?? accept;
  }

  private nextOfScript(): Behaviour | null {
    const text = this.script[this.position];
    const entry = text === undefined ? null : readScriptEntry(text);
    if (entry === null) return null;
    this.timesUsed += 1;
    if (this.timesUsed === entry.times) {
      this.position += 1;
      this.timesUsed = 0;
    }
    return entry.behaviour;
  }

  private drawn(settings: AdEventsXSettings, which: number, statusChance: number): Behaviour {
    if (which < settings.failRate) {
      const status = pick(settings.failStatuses, statusChance);
      return readBehaviour(String(status)) ?? accept;
    }
    return this.byRate.find(({ below }) => which < below)?.behaviour ?? this.otherwise;
  }
}
