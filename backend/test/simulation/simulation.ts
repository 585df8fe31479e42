import { MemoryEventStore, type MemoryStoreOptions } from '../support/memory-event-store';
import { findFaults } from '../support/memory-store-reads';
import type { Destination } from '../../src/interfaces/destination';
import type { EventStore } from '../../src/interfaces/event-store';
import type { Runtime } from '../../src/interfaces/runtime';
import { SimulatedRuntime } from '../support/simulated-runtime';
import { Blows } from './blows';
import { Checker } from './checker';
import { Dice } from './dice';
import { buildGateway, LEASE_MS, type GatewayProcess } from './gateway-process';
import { History, type Violation } from './history';
import { profileOf, type Profile } from './profile';
import { SendLog } from './send-log';
import { SimulatedClients } from './simulated-client';
import { DestinationsFile } from './simulated-destinations';
import { SimulatedDisk } from './simulated-disk';
import { SimulatedProcess } from './simulated-process';
import { simulatedStore } from './simulated-store';
import { SimulatedUpstream } from './simulated-upstream';

/** What a planted bug changes in the simulation's adapters. Without one, everything is as it should be. */
export interface PlantedFault {
  readonly isSyncedLazily?: boolean;
  readonly redirectsAreFollowed?: boolean;
  readonly makeMemory?: (options: MemoryStoreOptions) => MemoryEventStore;
  readonly wrapStore?: (store: EventStore) => EventStore;
  readonly retentionRuntime?: (process: Runtime) => Runtime;
  readonly changeDestination?: (destination: Destination, runtime: Runtime) => Destination;
}

export interface SimulationResult {
  readonly seed: number;
  readonly profile: Profile;
  readonly violations: readonly Violation[];
  readonly lines: readonly string[];
  readonly hash: string;
  readonly sends: number;
  readonly simulatedMs: number;
}

/** Events beside the poisoned ones come this soon after all is well, and then ever more seldom. */
const FIRST_NEIGHBOURS_EVERY_MS = 10_000;
const START_AT = Date.UTC(2026, 0, 1);

/** Runs one seed's world to its end. Never rejects for a broken promise: it is in the result. */
export async function simulate(seed: number, fault: PlantedFault = {}): Promise<SimulationResult> {
  return new Simulation(seed, fault).run();
}

class Simulation {
  private readonly dice: Dice;
  private readonly profile: Profile;
  private readonly runtime: SimulatedRuntime;
  private readonly history: History;
  private readonly memory: MemoryEventStore;
  private readonly disk: SimulatedDisk;
  private readonly sends: SendLog;
  private readonly checker: Checker;
  private readonly upstreams: ReadonlyMap<string, SimulatedUpstream>;
  private readonly clients: SimulatedClients;
  private readonly file: DestinationsFile;
  private readonly blows: Blows;
  private gateways: GatewayProcess[] = [];
  private incarnations = 0;
  private isHealed = false;

  constructor(
    private readonly seed: number,
    private readonly fault: PlantedFault,
  ) {
    this.dice = new Dice(seed);
    this.profile = profileOf(this.dice.fork());
    const { attemptLimit } = this.profile;
    this.runtime = new SimulatedRuntime({
      seed: this.dice.seed(),
      startAt: START_AT,
      ties: 'random',
      drain: 'microtasks',
    });
    const { runtime } = this;
    const history = new History(() => runtime.monotonic());
    this.history = history;
    const options = { runtime, ...(attemptLimit !== null && { attemptLimit }) };
    this.memory = fault.makeMemory?.(options) ?? new MemoryEventStore(options);
    this.disk = new SimulatedDisk({
      runtime,
      history,
      dice: this.dice.fork(),
      memory: this.memory,
      kill: (process, why) => this.killProcess(process, why),
      onCommit: (verb, process) => {
        history.note(`${process.name} commits ${verb}`);
        this.checker.committed(verb);
      },
      isSyncedLazily: fault.isSyncedLazily ?? false,
    });
    const state = () => this.disk.state();
    const isCurrent = (process: SimulatedProcess, destination: Destination) =>
      this.gateways.some((one) => one.process === process && one.destinations().includes(destination));
    this.sends = new SendLog({ runtime, history, state, isCurrent, leaseMs: LEASE_MS });
    this.checker = new Checker({ runtime, history, state, sends: this.sends, profile: this.profile });
    this.upstreams = this.makeUpstreams();
    this.file = new DestinationsFile(this.profile);
    const gateways = () => this.gateways;
    const { checker, profile, disk, sends } = this;
    this.clients = new SimulatedClients({ runtime, history, checker, profile, gateways, dice: this.dice.fork() });
    const kill = ({ process }: GatewayProcess, why: string) => this.killProcess(process, why);
    this.blows = new Blows({
      runtime,
      history,
      disk,
      sends,
      gateways,
      file: this.file,
      kill,
      dice: this.dice.fork(),
    });
  }

  async run(): Promise<SimulationResult> {
    const { profile, runtime, history, seed } = this;
    for (let number = 0; number < profile.processes; number += 1) this.startProcess();
    this.disk.faults = profile.disk;
    for (const upstream of this.upstreams.values()) upstream.fates = profile.fates;
    this.clients.begin();
    if (profile.blowEveryMs !== null) void this.blows.begin(profile.blowEveryMs);
    await runtime.advance(profile.stormMs);
    this.heal();
    await this.waitForTheEnd();
    this.checker.finish();
    let faults = 0;
    for (const { kind, detail } of findFaults(this.memory.snapshot())) {
      if (kind === 'checksum') faults += 1;
      else history.violate(`store ${kind}`, detail);
    }
    if (faults > this.disk.corrupted.size) history.violate('store checksum', `${faults} payloads are not as accepted`);
    const { violations, lines } = history;
    const simulatedMs = runtime.monotonic();
    for (const { process } of this.gateways) process.kill();
    return { seed, profile, violations, lines, hash: history.hash(), sends: this.sends.sends.length, simulatedMs };
  }

  private heal(): void {
    this.history.note('all is well again');
    this.isHealed = true;
    this.disk.faults = null;
    for (const upstream of this.upstreams.values()) upstream.fates = null;
    this.clients.heal();
    this.blows.end();
  }

  /**
   * Everything must end by itself, but for holds that stand in the store, which an operator ends, and poisoned events, which
   * need others beside them to be known by. Not to end in time is found by the checker.
   */
  private async waitForTheEnd(): Promise<void> {
    const { profile, runtime } = this;
    const healedAt = runtime.monotonic();
    let neighbourAt = healedAt;
    const [stepMs, limitMs] = profile.kind === 'patient' ? [60_000, 5 * 3_600_000] : [2_000, 3_600_000];
    const until = runtime.monotonic() + limitMs;
    while (runtime.monotonic() < until && (this.clients.unanswered > 0 || this.disk.state().openIds.size > 0)) {
      void this.blows.resumeAll();
      if (profile.poisonedCall !== null && runtime.monotonic() >= neighbourAt) {
        this.clients.postNeighbour();
        neighbourAt += Math.max(FIRST_NEIGHBOURS_EVERY_MS, (neighbourAt - healedAt) / 2);
      }
      await runtime.advance(stepMs);
    }
    if (this.clients.unanswered > 0)
      this.history.violate('3 every post is answered', `${this.clients.unanswered} are not`);
  }

  private startProcess(): void {
    const { runtime, fault, memory, disk, profile, upstreams, sends, checker, file } = this;
    this.incarnations += 1;
    const process = new SimulatedProcess(`p${this.incarnations}`, runtime);
    this.history.note(`${process.name} starts`);
    const watch = {
      claimed: sends.claimed.bind(sends),
      settled: sends.settled.bind(sends),
      replayed: checker.replayed.bind(checker),
    };
    const honest = simulatedStore(disk, memory, process, watch);
    const store = fault.wrapStore?.(honest) ?? honest;
    const retentionRuntime = fault.retentionRuntime?.(process) ?? process;
    const changeDestination = (destination: Destination) =>
      fault.changeDestination?.(destination, process) ?? destination;
    const exit = (why: string) => this.killProcess(process, why);
    const parts = { process, store, profile, upstreams, sends, file, retentionRuntime, changeDestination, exit };
    this.gateways = [...this.gateways, buildGateway(parts)];
  }

  /** Whoever supervises it starts another. */
  private killProcess(process: SimulatedProcess, why: string): void {
    if (process.isDead) return;
    this.history.note(`${process.name} dies: ${why}`);
    process.kill();
    this.disk.processDied(process);
    this.gateways = this.gateways.filter((gateway) => gateway.process !== process);
    this.runtime.after(this.isHealed ? 10 : this.dice.between(50, 4_000), () => this.startProcess());
  }

  private makeUpstreams(): ReadonlyMap<string, SimulatedUpstream> {
    const { runtime, history, sends: log, fault } = this;
    const redirectsAreFollowed = fault.redirectsAreFollowed ?? false;
    const make = (name: string, saysWhatItKnows: boolean): [string, SimulatedUpstream] => [
      name,
      new SimulatedUpstream({
        ...{ name, runtime, history, log, saysWhatItKnows, redirectsAreFollowed },
        meansAny2xx: name === 'hook',
        dice: this.dice.fork(),
      }),
    ];
    return new Map([make('ads', true), make('api', false), make('hook', false)]);
  }
}
