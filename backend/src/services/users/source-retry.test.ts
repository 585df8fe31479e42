import fc from 'fast-check';

import { seededRandom } from '../../../test/support/seeded-random';
import { SimulatedRuntime } from '../../../test/support/simulated-runtime';
import type { SourceResponse } from '../../interfaces/user-sources';
import { type Deadline, deadline } from '../resilience/deadline';
import { RetryBudget } from '../resilience/retry-budget';
import { type SourceAnswer, SourceRetry } from './source-retry';

const found: SourceResponse<string> = { kind: 'found', value: 'yes' };
const notFound: SourceResponse<string> = { kind: 'not_found' };
const unavailable = { kind: 'failed', code: 'http_503', isRetryable: true, retryAfter: null } as const;
const hang = 'hang' as const;

interface Scripted {
  readonly sent: SourceResponse<string> | typeof hang;
  readonly afterMs: number;
}

const after = (afterMs: number, sent: Scripted['sent']): Scripted => ({ sent, afterMs });

const callUntil = ({ signal, remainingMs }: Pick<Deadline, 'signal' | 'remainingMs'>) => ({
  signal,
  remainingMs,
  onAttempt: () => undefined,
});

function retryWith(script: readonly Scripted[], deadlineMs = 1_400) {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const retry = new SourceRetry(runtime, {
    poolSize: 50,
    ratePerSecond: 1_000,
    circuitCooldownMs: 5_000,
    timeoutMaxMs: 1_400,
  });
  const gone = new AbortController();
  const limit = deadline(runtime, deadlineMs, gone.signal);
  const sentAt: number[] = [];
  const reasons: unknown[] = [];
  const send = async (signal: AbortSignal): Promise<SourceResponse<string>> => {
    const step = script[sentAt.length] ?? after(0, unavailable);
    sentAt.push(runtime.monotonic());
    await runtime.sleep(step.sent === hang ? 3_600_000 : step.afterMs, signal);
    if (!signal.aborted && step.sent !== hang) return step.sent;
    reasons.push(signal.reason);
    return { kind: 'failed', code: 'aborted', isRetryable: true, retryAfter: null };
  };
  const ask = (): Promise<SourceAnswer<string>> => retry.ask(send, callUntil(limit));
  return { runtime, retry, ask, send, sentAt, reasons, gone, limit };
}

describe('SourceRetry', () => {
  it('sends once where that succeeds', async () => {
    const { runtime, ask, sentAt } = retryWith([after(100, found)]);
    await expect(runtime.until(ask())).resolves.toEqual({ ...found, attempts: 1 });
    expect(sentAt).toEqual([0]);
  });

  it('sends two copies the second time; the first success wins and the other is aborted', async () => {
    const { runtime, ask, sentAt, reasons } = retryWith([
      after(100, unavailable),
      after(500, found),
      after(200, found),
    ]);
    await expect(runtime.until(ask())).resolves.toEqual({ ...found, attempts: 2 });
    expect(sentAt).toHaveLength(3);
    expect(sentAt[1]).toBe(sentAt[2]);
    expect((sentAt[1] ?? 0) - 100).toBeLessThanOrEqual(25);
    expect(runtime.monotonic()).toBe((sentAt[1] ?? 0) + 200);
    await runtime.advance(0);
    expect(reasons).toEqual(['superseded']);
  });

  it('waits for the second copy when the first one fails', async () => {
    const { runtime, ask, sentAt } = retryWith([after(0, unavailable), after(10, unavailable), after(90, found)]);
    await expect(runtime.until(ask())).resolves.toMatchObject(found);
    expect(sentAt).toHaveLength(3);
  });

  it('makes four attempts at most', async () => {
    const { runtime, ask, sentAt } = retryWith([]);
    await expect(runtime.until(ask())).resolves.toEqual({ kind: 'failed', code: 'http_503', attempts: 4 });
    expect(sentAt).toHaveLength(7);
  });

  it('believes a 404 at the second sighting, not at the first', async () => {
    const once = retryWith([after(0, notFound), after(5, notFound), after(9, found)]);
    await expect(once.runtime.until(once.ask())).resolves.toMatchObject(found);
    const twice = retryWith([after(0, notFound), after(5, notFound), after(9, unavailable)]);
    await expect(twice.runtime.until(twice.ask())).resolves.toEqual({ kind: 'absent', attempts: 2 });
    const lone = retryWith([after(0, notFound), after(5, unavailable), after(9, unavailable), after(1, found)]);
    await expect(lone.runtime.until(lone.ask())).resolves.toMatchObject(found);
  });

  it('does not repeat what would fail again', async () => {
    const refused: SourceResponse<string> = { kind: 'failed', code: 'http_400', isRetryable: false, retryAfter: null };
    const { runtime, ask, sentAt, retry } = retryWith([after(0, refused)]);
    await expect(runtime.until(ask())).resolves.toEqual({ kind: 'failed', code: 'http_400', attempts: 1 });
    expect(sentAt).toHaveLength(1);
    expect(retry.circuit.snapshot().failures).toBe(0);
  });

  it('gives up an attempt after 700 ms, and tries again', async () => {
    const { runtime, ask, sentAt, reasons } = retryWith([after(0, hang), after(10, found)]);
    await expect(runtime.until(ask())).resolves.toMatchObject(found);
    expect(reasons[0]).toBe('attempt_timeout');
    expect(sentAt[1]).toBeGreaterThanOrEqual(700);
    expect(sentAt[1]).toBeLessThanOrEqual(725);
  });

  it('gives twice the time after a timeout, for the user whose answer takes its time', async () => {
    const { runtime, retry, limit } = retryWith([], 10_000);
    const answerAfter =
      (ms: number) =>
      async (signal: AbortSignal): Promise<SourceResponse<string>> => {
        await runtime.sleep(ms, signal);
        return signal.aborted ? unavailable : found;
      };
    // From now on 500 ms are enough for most.
    for (let asked = 0; asked < 60; asked += 1) {
      await runtime.until(retry.ask(answerAfter(5), callUntil(limit)));
    }
    const slow = retry.ask(answerAfter(600), callUntil(limit));
    await expect(runtime.until(slow)).resolves.toEqual({ ...found, attempts: 2 });
  });

  it('never repeats what was cancelled, and does not hold it against the source', async () => {
    const { runtime, ask, sentAt, gone, retry } = retryWith([after(0, hang)]);
    runtime.after(100, () => gone.abort('client_gone'));
    await expect(runtime.until(ask())).resolves.toEqual({ kind: 'failed', code: 'cancelled', attempts: 1 });
    expect([sentAt, retry.circuit.snapshot().failures]).toEqual([[0], 0]);
  });

  it('ends at once when the deadline comes during a later attempt', async () => {
    const { runtime, ask } = retryWith([after(0, unavailable), after(0, hang), after(0, hang)], 300);
    await expect(runtime.until(ask())).resolves.toMatchObject({ code: 'cancelled' });
    expect(runtime.monotonic()).toBe(300);
  });

  it.each([
    ['1', 1_000, 2],
    ['2', 0, 1],
    ['86400', 0, 1],
    ['soon', 0, 3],
  ])('obeys Retry-After: %s only where it fits the deadline', async (retryAfter, leastMs, sendings) => {
    const { runtime, ask, sentAt } = retryWith([
      after(0, { ...unavailable, retryAfter }),
      after(0, found),
      after(50, found),
    ]);
    await runtime.until(ask());
    await runtime.advance(0);
    expect(sentAt.length).toBe(sendings === 2 ? 3 : sendings);
    expect(runtime.monotonic()).toBeGreaterThanOrEqual(leastMs);
  });

  it('tries what cannot be answered to the end, and does not open the circuit for all others', async () => {
    const { runtime, retry, limit } = retryWith([]);
    const ask = (sent: SourceResponse<string>) =>
      runtime.until(retry.ask(async () => sent, callUntil({ signal: limit.signal, remainingMs: () => 1_400 })));
    for (let round = 0; round < 10; round += 1) {
      await expect(ask(unavailable)).resolves.toMatchObject({ code: 'http_503' });
      // Fewer than the sendings that failed, and still enough.
      for (let other = 0; other < 3; other += 1) await expect(ask(found)).resolves.toMatchObject(found);
    }
    expect(retry.circuit.state).toBe('CLOSED');
  });

  it('opens the circuit when the source is down, then asks nothing, and closes it after two probes', async () => {
    const { runtime, retry } = retryWith([]);
    let isDown = true;
    let calls = 0;
    const send = async (): Promise<SourceResponse<string>> => {
      calls += 1;
      return isDown ? unavailable : found;
    };
    const ask = (): Promise<SourceAnswer<string>> => {
      const { signal } = new AbortController();
      return runtime.until(retry.ask(send, callUntil({ signal, remainingMs: () => 1_400 })));
    };
    let questions = 0;
    for (; retry.circuit.state === 'CLOSED'; questions += 1) await ask();
    const callsToOpen = calls;
    // Two of each of the first failures count, and the first question alone may be tried to the end: it could be its own fault.
    expect(questions).toBeGreaterThanOrEqual(10);
    expect(callsToOpen).toBeLessThanOrEqual(1.5 * questions);
    await expect(ask()).resolves.toMatchObject({ code: 'circuit_open' });
    expect(calls).toBe(callsToOpen);
    isDown = false;
    await runtime.advance(1_000);
    await ask();
    await ask();
    expect([retry.circuit.state, calls]).toEqual(['CLOSED', callsToOpen + 2]);
  });

  it('is never more in flight than the pool holds, and never overspends the budget', async () => {
    let mostAgain = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2 ** 32 }),
        fc.integer({ min: 1, max: 20 }),
        async (seed, poolSize) => {
          const seen = await overload(seed, poolSize);
          expect(seen.mostInFlight).toBeLessThanOrEqual(poolSize);
          const { first, again, grants } = seen;
          // What is granted is sent later, and never more of it.
          again.forEach((at, index) => expect(grants[index]).toBeLessThanOrEqual(at));
          for (const at of grants) {
            const within = (time: number): boolean => time > at - 10_000 && time <= at;
            expect(grants.filter(within).length).toBeLessThanOrEqual(0.25 * first.filter(within).length + 100);
          }
          mostAgain = Math.max(mostAgain, again.length);
        },
      ),
      {
        numRuns: process.env.LONG === '1' ? 1_000 : 8,
        examples: [
          [1, 20],
          [4260738181, 3],
        ],
      },
    );
    // The budget must have been the limit somewhere, or this shows nothing.
    expect(mostAgain).toBeGreaterThan(200);
  }, 120_000);
});

/** 1 500 questions in 12 s to a source of which four calls in ten fail; when each first sending and each retry or copy began or was granted. */
async function overload(seed: number, poolSize: number) {
  const runtime = new SimulatedRuntime({ seed });
  const dice = seededRandom(seed);
  const retry = new SourceRetry(runtime, {
    poolSize,
    ratePerSecond: 1_000,
    circuitCooldownMs: 100,
    timeoutMaxMs: 1_400,
  });
  const first: number[] = [];
  const again: number[] = [];
  const grants: number[] = [];
  const trySpend = RetryBudget.prototype.trySpend;
  const spending = jest.spyOn(RetryBudget.prototype, 'trySpend').mockImplementation(function (
    this: RetryBudget,
    n = 1,
  ) {
    const isGranted = trySpend.call(this, n);
    if (isGranted) for (let one = 0; one < n; one += 1) grants.push(runtime.monotonic());
    return isGranted;
  });
  let inFlight = 0;
  let mostInFlight = 0;
  const one = async (): Promise<void> => {
    await runtime.sleep(dice.next() * 12_000);
    const limit = deadline(runtime, 1_400);
    let sendings = 0;
    const send = async (signal: AbortSignal): Promise<SourceResponse<string>> => {
      (sendings === 0 ? first : again).push(runtime.monotonic());
      sendings += 1;
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      await runtime.sleep(1 + dice.next() * 20, signal);
      inFlight -= 1;
      return dice.next() < 0.4 ? unavailable : found;
    };
    await retry.ask(send, callUntil(limit));
    limit.clear();
  };
  await runtime.until(Promise.all(Array.from({ length: 1_500 }, one)));
  spending.mockRestore();
  return { first, again, grants, mostInFlight };
}
