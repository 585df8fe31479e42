import { AppError } from '../../src/errors';
import type { EventInput } from '../../src/types/event';
import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { Checker } from './checker';
import type { Dice } from './dice';
import { EVENT_NAMES, type GatewayProcess } from './gateway-process';
import type { History } from './history';
import type { Profile } from './profile';
import { POISON } from './simulated-upstream';

export interface SimulatedClientsParts {
  readonly runtime: SimulatedRuntime;
  readonly dice: Dice;
  readonly history: History;
  readonly checker: Checker;
  readonly profile: Profile;
  readonly gateways: () => readonly GatewayProcess[];
}

type Answer = 'taken' | 'conflict' | 'refused' | 'try again' | 'nothing';

const CLIENT_TIMEOUT_MS = 4_000;

/** Internal clients: each posts its event until it has a clear answer, always with the same id. */
export class SimulatedClients {
  private open = 0;
  private isNetworkGood = false;

  constructor(private readonly parts: SimulatedClientsParts) {}

  /** How many events have no final answer yet. */
  get unanswered(): number {
    return this.open;
  }

  /** From now on no answer is lost on the way. */
  heal(): void {
    this.isNetworkGood = true;
  }

  /** One more event, with nothing wrong about it, whose way shows whether others are in it. */
  postNeighbour(): void {
    const { campaign_id: _campaign, deliver_at: _deliverAt, ...input } = this.makeEvent();
    const neighbour = { ...input, event_name: EVENT_NAMES[0] };
    this.parts.checker.expectNeighbour(String(neighbour.event_id));
    this.post('crm', neighbour);
  }

  /** Every post of the simulation, planned at its beginning. */
  begin(): void {
    const { dice, profile, runtime } = this.parts;
    const burstAt = dice.between(100, 2_000);
    for (let number = 1; number <= profile.events; number += 1) {
      const isBurst = profile.kind === 'calm' || dice.chance(0.3);
      const at = isBurst ? burstAt + dice.between(0, 40) : dice.between(0, Math.floor(profile.stormMs * 0.8));
      const clientId = dice.pick(['crm', 'shop']);
      this.open += 1;
      runtime.after(at, () => {
        this.open -= 1;
        this.postAll(clientId, this.makeEvent());
      });
    }
  }

  /** Also again, at the same time or later, and sometimes with other content under the same id. */
  private postAll(clientId: string, input: EventInput): void {
    const { dice, runtime, profile } = this.parts;
    const repeats = dice.pick([0, 0, 0, 1, 2]);
    this.post(clientId, input);
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const isForged = dice.chance(0.3);
      const content = isForged ? { ...input, value: Number(input.value) + 10 } : input;
      this.open += 1;
      runtime.after(dice.pick([0, 5, 3_000, profile.stormMs]), () => {
        this.open -= 1;
        this.post(clientId, content);
      });
    }
  }

  private makeEvent(): EventInput {
    const { dice, runtime, profile } = this.parts;
    const isLater = profile.kind !== 'calm' && dice.chance(0.15);
    return {
      event_id: runtime.newId(),
      user_id: dice.pick(['ann', 'bob']),
      event_name: dice.pick(EVENT_NAMES),
      event_time_epoch: Math.floor(runtime.now() / 1000),
      value: dice.between(1, 9),
      ...(dice.chance(0.1) && { campaign_id: POISON }),
      ...(profile.poisonedCall !== null && dice.chance(0.3) && { campaign_id: profile.poisonedCall }),
      ...(isLater && { deliver_at: new Date(runtime.now() + dice.between(0, 15_000)).toISOString() }),
    };
  }

  private post(clientId: string, input: EventInput): void {
    this.open += 1;
    void this.postUntilAnswered(clientId, input).then(() => {
      this.open -= 1;
    });
  }

  private async postUntilAnswered(clientId: string, input: EventInput): Promise<void> {
    const { dice, runtime, history, gateways } = this.parts;
    for (;;) {
      const alive = gateways().filter(({ process }) => !process.isDead);
      if (alive.length > 0) {
        const answer = this.send(dice.pick(alive), clientId, input);
        const timeout = runtime.sleep(CLIENT_TIMEOUT_MS).then((): Answer => 'nothing');
        const read = await Promise.race([answer, timeout]);
        history.note(`${clientId} reads ${read} for ${String(input.event_id).slice(-6)}`);
        if (read === 'taken' || read === 'conflict' || read === 'refused') return;
      }
      await runtime.sleep(dice.between(50, 1_500));
    }
  }

  private send({ process, events, isBroken }: GatewayProcess, clientId: string, input: EventInput): Promise<Answer> {
    const { dice, runtime } = this.parts;
    return new Promise((resolve) => {
      const reply = (answer: Answer): void => {
        if (!this.isNetworkGood && dice.chance(0.05)) return;
        runtime.after(dice.between(1, 5), () => resolve(answer));
      };
      runtime.after(dice.between(1, 5), () => {
        process.run(() => {
          events.accept(clientId, input).then(
            () => {
              if (isBroken()) this.parts.history.violate('6 stop after a failed fsync', `${process.name} says 2xx`);
              this.parts.checker.told2xx(clientId, input);
              reply('taken');
            },
            (error: unknown) => reply(this.readError(error, clientId, input)),
          );
        });
      });
    });
  }

  private readError(error: unknown, clientId: string, input: EventInput): Answer {
    if (!(error instanceof AppError)) return 'try again';
    if (error.code === 'validation_failed') return 'refused';
    if (error.code !== 'event_id_conflict') return 'try again';
    this.parts.checker.toldConflict(clientId, input);
    return 'conflict';
  }
}
