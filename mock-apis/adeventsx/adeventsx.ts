import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Router, type Request, type Response } from 'express';
import { afterDelay, sendJson } from '../json-answer';
import { createRandom } from '../random';
import { RouteCounter } from '../route-counter';
import type { MockSettings } from '../settings-table';
import { behaviourName } from './behaviour';
import { BehaviourPlan } from './behaviour-plan';
import { readConversion } from './conversion';
import { ConversionLog, type ConversionCall, type LogQuery } from './conversion-log';
import { perform, sendFailure, type Exchange } from './perform-behaviour';

const BODY_LIMIT_BYTES = 64 * 1024;
const CONVERSIONS = '/v1/conversions';

function readBody(req: IncomingMessage, whole: (body: Buffer) => void, tooLarge: () => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= BODY_LIMIT_BYTES) {
      chunks.push(chunk);
      return;
    }
    // The rest is read and dropped, so that the client is not cut off before it reads the answer.
    req.removeAllListeners('data').removeAllListeners('end').resume();
    tooLarge();
  });
  req.on('end', () => whole(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
}

function wholeNumber(value: unknown, name: string, fallback: number | undefined): number | undefined {
  if (value === undefined) return fallback;
  if (typeof value === 'string' && /^\d{1,15}$/.test(value)) return Number(value);
  throw new RangeError(`${name} must be a whole number from 0`);
}

/** Sends what was remembered, or says what is wrong with the query. */
function answerQuery(req: Request, res: Response, read: (query: LogQuery) => unknown): void {
  try {
    const { limit, id, from } = req.query;
    const query: LogQuery = {
      limit: wholeNumber(limit, 'limit', 100) ?? 100,
      id: typeof id === 'string' ? id : undefined,
      from: wholeNumber(from, 'from', undefined),
    };
    sendJson(res, 200, read(query));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    sendJson(res, 400, { error: 'invalid_query', detail: error.message });
  }
}

/** The simulated AdEventsX. */
export class AdEventsX {
  readonly counter = new RouteCounter();
  readonly log: ConversionLog;
  private plan: BehaviourPlan;

  constructor(private readonly settings: () => MockSettings) {
    this.log = new ConversionLog(settings().adeventsx.remember);
    this.plan = this.newPlan();
  }

  /** As just started: nothing remembered, the script and the dice from their beginning. */
  reset(): void {
    this.counter.clear();
    this.log.clear();
    this.plan = this.newPlan();
  }

  /**
   * Whether a request is for `handlePost`, which serves it without Express because load tests send
   * thousands a second.
   */
  isPost(req: IncomingMessage): boolean {
    const url = req.url ?? '';
    return req.method === 'POST' && (url === CONVERSIONS || url.startsWith(`${CONVERSIONS}?`));
  }

  handlePost(req: IncomingMessage, res: ServerResponse): void {
    const { behaviour, delayMs } = this.plan.next(this.settings().adeventsx);
    const answered = this.counter.begin(res);
    const call = this.log.openCall(behaviourName(behaviour));
    if (behaviour.kind === 'reset-before') {
      req.socket.resetAndDestroy();
      return;
    }
    readBody(
      req,
      (body) => {
        const exchange = this.exchange(req, res, call, body, answered);
        const waitMs = delayMs + (behaviour.kind === 'delay' ? behaviour.ms : 0);
        afterDelay(res, waitMs, () => perform(behaviour, exchange));
      },
      () => {
        call.fault = `the body must have at most ${BODY_LIMIT_BYTES} bytes`;
        call.status = 413;
        answered(413);
        sendJson(res, 413, { error: 'payload_too_large' }, { Connection: 'close' });
      },
    );
  }

  /** What it remembers. */
  router(): Router {
    const router = Router();
    router.get(CONVERSIONS, (req, res) => answerQuery(req, res, (query) => this.log.readConversions(query)));
    router.delete(CONVERSIONS, (_req, res) => {
      this.log.clear();
      res.status(204).end();
    });
    router.get('/v1/calls', (req, res) => answerQuery(req, res, (query) => this.log.readCalls(query)));
    return router;
  }

  private newPlan(): BehaviourPlan {
    return new BehaviourPlan(createRandom(this.settings().seed, 'adeventsx'));
  }

  private exchange(
    req: IncomingMessage,
    res: ServerResponse,
    call: ConversionCall,
    body: Buffer,
    answered: (status: number) => void,
  ): Exchange {
    const reading = readConversion(body);
    call.id = reading.id;
    call.sha256 = createHash('sha256').update(body).digest('hex');
    const exchange: Exchange = {
      res,
      path: req.url ?? CONVERSIONS,
      onAnswer: (status) => {
        call.status = status;
        answered(status);
      },
      accept: () => {
        if (!this.isKnownKey(req.headers['x-api-key'])) {
          call.fault = 'X-Api-Key is missing or not the one that is set';
          sendFailure(exchange, 401);
          return null;
        }
        if (reading.conversion === null) {
          call.fault = reading.fault;
          sendFailure(exchange, 400);
          return null;
        }
        const isTest = req.headers['x-test-mode'] === 'true';
        return { status: 'accepted', received_at: this.log.receive(reading.conversion, isTest).received_at };
      },
    };
    return exchange;
  }

  private isKnownKey(given: string | string[] | undefined): boolean {
    const { apiKey } = this.settings().adeventsx;
    return apiKey === '*' ? given !== undefined && given !== '' : given === apiKey;
  }
}
