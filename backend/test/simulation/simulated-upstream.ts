import type { UpstreamRequest } from '../../src/external-services/http/upstream-client';
import type { UpstreamAnswer } from '../../src/interfaces/destination';
import type { SimulatedRuntime } from '../support/simulated-runtime';
import type { Dice } from './dice';
import type { History } from './history';
import type { Send, SendLog } from './send-log';
import type { SimulatedProcess } from './simulated-process';

/** What may become of a call. `…_after`: the destination has taken the events by then; `…_before`: it has not. */
export type Fate =
  | 'taken'
  | 'taken_slowly'
  | 'error'
  | 'error_with_seconds'
  | 'error_with_date'
  | 'busy'
  | 'busy_with_seconds'
  | 'busy_with_eternity'
  | 'busy_with_garbage'
  | 'request_timeout'
  | 'unauthorized'
  | 'gone'
  | 'refused'
  | 'reset_before'
  | 'reset_after'
  | 'cut_before'
  | 'cut_after'
  | 'hang_before'
  | 'hang_after'
  | 'html_after'
  | 'error_body'
  | 'redirect';

/** Taken from some seed's weights; what is not named does not happen. */
export type Fates = Readonly<Partial<Record<Fate, number>>>;

export interface SimulatedUpstreamParts {
  readonly name: string;
  readonly runtime: SimulatedRuntime;
  readonly dice: Dice;
  readonly history: History;
  readonly log: SendLog;
  /** By 409, as AdEventsX does. */
  readonly saysWhatItKnows: boolean;
  /** Its 2xx is a yes whatever the body says, as a webhook's is. */
  readonly meansAny2xx: boolean;
  /** A planted bug: the HTTP client goes where a 3xx points. */
  readonly redirectsAreFollowed: boolean;
}

const OK_BODY = '{"success":true,"status":"accepted"}';
/** Its campaign makes a destination refuse an event for good. */
export const POISON = 'poison';
/** What a call comes to that carries an event with the campaign of this name, however well its destination is. */
export const POISONED_CALLS = {
  'poison-401': () => response(401),
  'poison-403': () => response(403),
  'poison-410': () => response(410),
  'poison-413': () => response(413),
  'poison-429': () => response(429),
  'poison-429-seconds': () => response(429, '', '10'),
  'poison-500': () => response(500),
  'poison-503-seconds': () => response(503, '', '10'),
  'poison-hang': () => null,
} satisfies Record<string, () => UpstreamAnswer | null>;
export type PoisonedCall = keyof typeof POISONED_CALLS;

interface Item {
  readonly id: string;
  readonly isPoison: boolean;
  readonly poisonedCall: PoisonedCall | null;
}

/** A destination beyond a simulated network, with the HTTP client before it. It remembers what it took. */
export class SimulatedUpstream {
  /** Null: it is well and takes everything that is not poison. */
  fates: Fates | null = null;
  private readonly known = new Set<string>();

  constructor(private readonly parts: SimulatedUpstreamParts) {}

  /** The HTTP client of one process. What it has begun to send arrives even if the process dies. */
  call(process: SimulatedProcess, sends: readonly Send[], { body, signal }: UpstreamRequest): Promise<UpstreamAnswer> {
    const { runtime, dice, log } = this.parts;
    return new Promise((resolve) => {
      let isEnded = false;
      const end = (answer: UpstreamAnswer): void => {
        if (isEnded) return;
        isEnded = true;
        log.ended(sends, answer);
        resolve(answer);
      };
      signal.addEventListener('abort', () => end(failure(String(signal.reason), true)));
      runtime.after(dice.between(1, 20), () => {
        const [answer, delayMs] = this.arrive(sends, body ?? Buffer.alloc(0));
        if (answer === null) return;
        runtime.after(delayMs, () => {
          process.run(() => end(answer));
        });
      });
    });
  }

  private arrive(sends: readonly Send[], body: Buffer): [UpstreamAnswer | null, number] {
    const { dice, history, name, redirectsAreFollowed } = this.parts;
    const drawn: Fate = this.fates === null ? 'taken' : dice.weighted(this.fates);
    const fate = drawn === 'error_body' && this.parts.meansAny2xx ? 'error' : drawn;
    history.note(`${name} ${fate} ${sends.map(({ label }) => label).join(' ')}`);
    if (fate === 'refused') return [failure('ECONNREFUSED', false), 1];
    for (const send of sends) send.hasArrived = true;
    const items = readItems(body);
    if (fate === 'redirect' && redirectsAreFollowed) return [response(200, OK_BODY), 5];
    const poisonedCall = fate.startsWith('taken')
      ? items.find((item) => item.poisonedCall !== null)?.poisonedCall
      : null;
    const answer = poisonedCall ? POISONED_CALLS[poisonedCall]() : this.answerOf(fate, sends, items);
    return [answer, fate === 'taken_slowly' ? dice.between(500, 4_500) : dice.between(1, 50)];
  }

  /** Null: it never answers. */
  private answerOf(fate: Fate, sends: readonly Send[], items: readonly Item[]): UpstreamAnswer | null {
    const { dice, runtime } = this.parts;
    switch (fate) {
      case 'error':
        return response(dice.pick([500, 502, 503, 504]), 'out of order');
      case 'error_with_seconds':
        return response(503, '', String(dice.between(0, 20)));
      case 'error_with_date':
        return response(503, '', new Date(runtime.now() + dice.between(-5_000, 20_000)).toUTCString());
      case 'busy':
        return response(429);
      case 'busy_with_seconds':
        return response(429, '', String(dice.between(0, 20)));
      case 'busy_with_eternity':
        return response(429, '', dice.pick(['86400', '999999999999', 'Fri, 31 Dec 2199 23:59:59 GMT']));
      case 'busy_with_garbage':
        return response(429, '', dice.pick(['-5', 'soon', '1e9', '12.5', '']));
      case 'request_timeout':
        return response(dice.pick([408, 425]));
      case 'unauthorized':
        return response(dice.pick([401, 403]), 'who are you?');
      case 'gone':
        return response(410);
      case 'redirect':
        return response(dice.pick([301, 302, 307, 308]));
      case 'reset_before':
        return failure('ECONNRESET', true);
      case 'cut_before':
        return failure('answer_cut', true);
      case 'hang_before':
        return null;
      case 'error_body':
        return response(200, '{"error":"try again"}');
      default:
        return this.answerAfter(fate, sends, items);
    }
  }

  private answerAfter(fate: Fate, sends: readonly Send[], items: readonly Item[]): UpstreamAnswer | null {
    const batchMode = sends[0]?.via.contract.batchMode ?? 'none';
    // A batch that is taken as a whole or not at all.
    const isRefused = batchMode.startsWith('atomic') && items.some(({ isPoison }) => isPoison);
    const statuses = isRefused ? [] : items.map((item, index) => this.take(item, sends[index]));
    if (fate === 'reset_after') return failure('ECONNRESET', true);
    if (fate === 'cut_after') return failure('answer_cut', true);
    if (fate === 'hang_after') return null;
    const [first = 400] = statuses;
    if (fate === 'html_after' && first < 300) return response(200, '<html>welcome</html>');
    if (isRefused) return response(400, batchMode === 'atomic' ? 'no' : namePoison(items));
    if (batchMode !== 'perItem') return response(first, first < 300 ? OK_BODY : 'no');
    return response(207, JSON.stringify({ results: statuses.map((status) => ({ status })) }));
  }

  private take({ id, isPoison }: Item, send: Send | undefined): number {
    if (isPoison) return 400;
    const isKnown = this.known.has(id);
    this.known.add(id);
    if (send !== undefined) this.parts.log.taken(send);
    return isKnown && this.parts.saysWhatItKnows ? 409 : 202;
  }
}

/** Nothing, where it is no JSON: then all of it is refused. */
function readItems(body: Buffer): Item[] {
  let parsed: Record<string, unknown> | Record<string, unknown>[];
  try {
    parsed = JSON.parse(body.toString('utf8')) as typeof parsed;
  } catch {
    return [];
  }
  return (Array.isArray(parsed) ? parsed : [parsed]).map((item) => {
    const data = (item['data'] ?? item) as Record<string, unknown>;
    const campaign = data['campaign'] ?? data['campaignId'] ?? data['campaign_id'];
    const poisonedCall = Object.keys(POISONED_CALLS).find((name) => name === campaign) as PoisonedCall | undefined;
    const id = String(data['id'] ?? data['event_id']);
    return { id, isPoison: campaign === POISON, poisonedCall: poisonedCall ?? null };
  });
}

function namePoison(items: readonly Item[]): string {
  return JSON.stringify({ errors: items.flatMap(({ isPoison }, index) => (isPoison ? [{ index }] : [])) });
}

function failure(code: string, mayHaveBeenProcessed: boolean): UpstreamAnswer {
  return { kind: 'failure', code, mayHaveBeenProcessed };
}

function response(status: number, body = '', retryAfter?: string): UpstreamAnswer {
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  return { kind: 'response', status, headers, body: Buffer.from(body) };
}
