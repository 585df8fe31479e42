import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { Dice } from './dice';
import type { GatewayProcess } from './gateway-process';
import type { History } from './history';
import type { SendLog } from './send-log';
import type { DestinationsFile } from './simulated-destinations';
import type { SimulatedDisk } from './simulated-disk';

export interface BlowsParts {
  readonly runtime: SimulatedRuntime;
  readonly dice: Dice;
  readonly history: History;
  readonly disk: SimulatedDisk;
  readonly sends: SendLog;
  readonly gateways: () => readonly GatewayProcess[];
  readonly file: DestinationsFile;
  readonly kill: (gateway: GatewayProcess, why: string) => void;
}

const DAY_MS = 86_400_000;
const OPERATOR = 'olga';

/** What befalls the gateway from outside: kills, power cuts, pauses, a full disk, clocks that jump, operators. */
export class Blows {
  private isOver = false;
  private isHolding = false;

  constructor(private readonly parts: BlowsParts) {}

  /** One after another, `everyMs` apart on average, until `end`. */
  async begin(everyMs: number): Promise<void> {
    const { runtime, dice } = this.parts;
    while (!this.isOver) {
      await runtime.sleep(dice.between(1, 2 * everyMs));
      if (!this.isOver) this.strike();
    }
  }

  end(): void {
    this.isOver = true;
    this.parts.disk.isFull = false;
    this.parts.file.restore();
    for (const { process, reload } of this.parts.gateways()) {
      process.resume();
      process.run(reload);
    }
  }

  /** An operator ends every hold that only an operator ends, through any process; it is tried again by whoever calls. */
  async resumeAll(): Promise<void> {
    const gateway = this.anyGateway();
    if (gateway === null || this.isHolding) return;
    for (const { name } of gateway.destinations()) {
      const hold = gateway.worker.holds.of(name);
      if (hold !== null && hold.kind !== 'unauthorized') await this.resume(gateway, name);
    }
  }

  private strike(): void {
    const { dice, history } = this.parts;
    const blow = dice.weighted({
      ...{ kill: 4, stop: 2, powerCut: 2, pause: 4, stall: 0.5, fullDisk: 2, jump: 2, corrupt: 0.5, reload: 2 },
      ...{ hold: 2, replay: 3, replayDelivered: 1, discard: 0.5 },
    });
    const gateway = this.anyGateway();
    if (gateway === null) return;
    history.note(`blow: ${blow} ${gateway.process.name}`);
    if (blow === 'kill') this.parts.kill(gateway, 'kill -9');
    else if (blow === 'stop') void this.stop(gateway);
    else if (blow === 'corrupt') this.parts.disk.corrupt();
    else if (blow === 'powerCut') this.cutPower();
    else if (blow === 'pause') this.pause(gateway);
    else if (blow === 'stall') this.stall();
    else if (blow === 'fullDisk') this.fillDisk();
    else if (blow === 'jump') this.jump();
    else if (blow === 'reload') this.reload(gateway);
    else if (blow === 'hold') void this.hold(gateway);
    else void this.operate(gateway, blow);
  }

  private anyGateway(): GatewayProcess | null {
    const alive = this.parts.gateways().filter(({ process }) => !process.isDead);
    return alive.length === 0 ? null : this.parts.dice.pick(alive);
  }

  /** What is under way then is cut short at worst, never left behind. */
  private async stop(gateway: GatewayProcess): Promise<void> {
    const { history, sends } = this.parts;
    await gateway.stop();
    const left = sends.sends.filter(({ process, endedAt }) => process === gateway.process && endedAt === null);
    if (left.length > 0) history.violate('11 stops cleanly', `${left.length} calls are under way after the stop`);
    this.parts.kill(gateway, 'it has stopped');
  }

  private cutPower(): void {
    for (const gateway of this.parts.gateways()) this.parts.kill(gateway, 'power cut');
    this.parts.disk.losePower();
  }

  private pause({ process }: GatewayProcess): void {
    const { runtime, dice } = this.parts;
    process.pause();
    runtime.after(dice.pick([100, 2_000, 10_000, 40_000]), () => process.resume());
  }

  /** The whole machine sleeps; on waking its clocks are right. */
  private stall(): void {
    const { runtime, dice, gateways } = this.parts;
    runtime.stall(dice.pick([1_000, 60_000, 9 * DAY_MS]));
    for (const { process } of gateways()) process.wasHeldUp();
  }

  private fillDisk(): void {
    const { runtime, dice, disk } = this.parts;
    disk.isFull = true;
    runtime.after(dice.between(500, 8_000), () => {
      disk.isFull = false;
    });
  }

  private jump(): void {
    const { runtime, dice, sends } = this.parts;
    const ms = dice.pick([-300_000, -2_000, 2_000, 300_000, 30 * DAY_MS]);
    runtime.jumpWallClock(ms);
    sends.lastJumpAt = runtime.monotonic();
  }

  /** Somebody edits the file of destinations, and sends SIGHUP to one process or to all. */
  private reload(gateway: GatewayProcess): void {
    const { file, dice, history, gateways } = this.parts;
    history.note(`the file of destinations: ${file.edit(dice)}`);
    for (const one of dice.chance(0.5) ? gateways() : [gateway]) one.process.run(one.reload);
  }

  /** One at a time: two operators at odds would make it anyone's guess what holds. */
  private async hold(gateway: GatewayProcess): Promise<void> {
    const { runtime, dice, sends } = this.parts;
    const names = gateway.destinations().map((destination) => destination.name);
    if (this.isHolding || names.length === 0) return;
    this.isHolding = true;
    const name = dice.pick(names);
    const paused = gateway.worker.holds.pause(name, 'maintenance', OPERATOR).then(
      () => sends.hold(gateway.process, name),
      () => undefined,
    );
    await Promise.race([paused, runtime.sleep(30_000)]);
    await runtime.sleep(dice.between(500, 6_000));
    const other = this.anyGateway();
    if (other !== null) await this.resume(other, name);
    this.isHolding = false;
  }

  private async resume({ worker }: GatewayProcess, name: string): Promise<void> {
    const { runtime, sends } = this.parts;
    sends.release(name);
    const resumed = worker.holds.resume(name, OPERATOR).then(
      () => sends.release(name),
      () => undefined,
    );
    await Promise.race([resumed, runtime.sleep(30_000)]);
  }

  private async operate(
    { deadLetters }: GatewayProcess,
    what: 'replay' | 'replayDelivered' | 'discard',
  ): Promise<void> {
    const { signal } = new AbortController();
    const status = what === 'replayDelivered' ? ('delivered' as const) : ('dead' as const);
    const force = status === 'delivered' || this.parts.dice.chance(0.5);
    const common = { isDryRun: false, actor: OPERATOR };
    const acting =
      what === 'discard'
        ? deadLetters.discard({ ...common, filter: { status: 'dead' }, reason: 'no use' }, signal)
        : deadLetters.replay({ ...common, filter: { status }, force }, signal);
    // Where the store cannot, the operator is told so and leaves it.
    await acting.catch(() => undefined);
  }
}
