import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AdEventsXDestination } from '../../src/external-services/destinations/adeventsx-destination';
import { UpstreamClient } from '../../src/external-services/http/upstream-client';
import { openSqliteEventStore } from '../../src/external-services/sqlite/sqlite-event-store';
import { systemRuntime } from '../../src/external-services/system-runtime';
import type { EventStore } from '../../src/interfaces/event-store';
import type { Log } from '../../src/interfaces/log';
import { DeliveryWorker } from '../../src/services/delivery/delivery-worker';
import { EventFeed } from '../../src/services/events/event-feed';
import type { AttemptView } from '../../src/types/delivery';
import { makeEvent } from '../contract/store-fixtures';
import { faultRows, type FaultRow } from '../support/fault-rows';
import { answer, FaultUpstream } from '../support/fault-upstream';

const EVENTS = 5;
/** 1 000 attempts of each row in the long form. */
const ROUNDS = process.env['LONG'] === '1' ? 200 : 1;
const ATTEMPT_TIMEOUT_MS = 3_000;
/** Beyond the end of the test: each delivery gets one attempt. */
const RETRY_MS = { least: 20_000, most: 60_000 };

/** Rows with an upstream each, all of them destinations of the same events. */
class FaultBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-faults-'));
  readonly trap = new FaultUpstream(answer(202));
  readonly upstreams = new Map<FaultRow, FaultUpstream>();
  readonly client = new UpstreamClient({ maxSockets: 64 });
  readonly circuitCauses = new Map<string, string[]>();
  readonly feed = new EventFeed();
  rows: readonly FaultRow[] = [];
  store!: EventStore;
  worker!: DeliveryWorker;

  private readonly log: Log = {
    debug: () => undefined,
    info: () => undefined,
    error: () => undefined,
    warn: (fields, fact) => {
      if (fact !== 'circuit.changed') return;
      const { destination, cause } = fields as { destination: string; cause: string };
      this.circuitCauses.set(destination, [...(this.circuitCauses.get(destination) ?? []), cause]);
    },
  };

  constructor(private readonly kind: string) {}

  async start(): Promise<void> {
    await this.trap.start();
    this.rows = faultRows[this.kind]?.(`http://127.0.0.1:${String(this.trap.port)}/`) ?? [];
    const urls = new Map<string, string>();
    for (const row of this.rows) {
      const upstream = await new FaultUpstream(row.fault, row.listens).start();
      const { port } = upstream;
      this.upstreams.set(row, upstream);
      urls.set(row.name, row.url?.(port) ?? `http://127.0.0.1:${String(port)}/v1/conversions`);
    }
    const path = join(this.folder, 'gateway.db');
    this.store = await openSqliteEventStore({ path, log: this.log, runtime: systemRuntime });
    const settings = { apiKey: 'key', events: '*', concurrency: EVENTS, ratePerSecond: null, mode: 'live' } as const;
    this.worker = new DeliveryWorker({
      destinations: [...urls].map(([name, url]) => new AdEventsXDestination({ ...settings, name, url }, this.client)),
      store: this.store,
      runtime: systemRuntime,
      feed: this.feed,
      log: this.log,
      circuitCooldownMs: 60_000,
      settings: {
        leaseMs: 60_000,
        attemptTimeoutMs: ATTEMPT_TIMEOUT_MS,
        drainMs: 1_000,
        schedule: { baseMs: 40_000, maxMs: RETRY_MS.most, forMs: 86_400_000 },
      },
    });
  }

  /** Accepts the events, sends each of them once to every row, and returns when all those attempts are recorded. */
  async attemptEach(): Promise<string[]> {
    const to = this.rows.map(({ name }) => name);
    const ids = Array.from({ length: EVENTS }, () => randomUUID());
    await this.store.accept(
      ids.map((eventId) => makeEvent({ eventId, to })),
      { backlogMax: 1_000_000 },
    );
    const allAttempted = new Promise<void>((resolve) => {
      let missing = EVENTS * this.rows.length;
      this.feed.listen(({ fact }) => {
        if (fact === 'attempted' && (missing -= 1) === 0) resolve();
      });
    });
    await this.worker.start();
    await allAttempted;
    return ids;
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    this.client.close();
    for (const upstream of [this.trap, ...this.upstreams.values()]) await upstream.stop();
    await this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What must hold of the five attempts of one row, as one object that a failure shows whole. */
async function judge(bench: FaultBench, row: FaultRow, attempts: readonly AttemptView[]): Promise<void> {
  const now = Date.now();
  const own = attempts.filter(({ destination }) => destination === row.name);
  const { data } = await bench.store.listDeliveries({ destination: row.name, limit: 100 });
  const circuit = bench.worker.circuits()[row.name];
  const isRetried = row.record.outcome === 'retryable';
  const delays = data.map(({ nextAttemptAt }) => (nextAttemptAt ?? Infinity) - now);
  const [least, most] = [Math.max(RETRY_MS.least, row.pauseMs ?? 0), Math.max(RETRY_MS.most, row.pauseMs ?? 0)];
  const pausedMs = circuit?.retryAt == null ? 0 : circuit.retryAt - now;
  // The answers came at most a few seconds ago; a date has whole seconds.
  const slackMs = ATTEMPT_TIMEOUT_MS + 10_000;
  const found = {
    row: row.name,
    records: own.map(({ number, outcome, httpStatus, error, possibleDuplicate }) => ({
      number,
      outcome,
      httpStatus,
      error,
      possibleDuplicate,
    })),
    standings: data.map(({ status, deadReason }) => [status, deadReason]),
    isRetriedInTime: !isRetried || delays.every((delay) => delay > least - slackMs && delay <= most + 1_000),
    failures: circuit?.failures,
    state: circuit?.state,
    causes: bench.circuitCauses.get(row.name) ?? [],
    isPausedAsAsked: row.pauseMs === undefined || (pausedMs <= row.pauseMs + 1_000 && pausedMs > row.pauseMs - slackMs),
    requests: bench.upstreams.get(row)?.requests ?? 0,
  };
  expect(found).toEqual({
    row: row.name,
    records: Array<object>(EVENTS).fill({ number: 1, ...row.record }),
    standings: Array<unknown>(EVENTS).fill([row.status, row.status === 'dead' ? 'rejected' : null]),
    isRetriedInTime: true,
    failures: row.circuit === 'failed' ? EVENTS : row.circuit === 'tripped' || row.circuit === 'held' ? 1 : 0,
    state: row.circuit === 'tripped' || row.circuit === 'held' ? 'OPEN' : 'CLOSED',
    // The first 410 opens it, the third, to a third event, holds it.
    causes: row.circuit === 'tripped' ? ['tripped'] : row.circuit === 'held' ? ['gone', 'held'] : [],
    isPausedAsAsked: true,
    // One request per attempt: no hidden retry, no redirect followed.
    requests: row.isAsked === false ? 0 : EVENTS,
  });
}

test.each(Object.keys(faultRows))(
  `%s: read as the table says, over real sockets, ${String(EVENTS * ROUNDS)} times each`,
  async (kind) => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const bench = new FaultBench(kind);
      await bench.start();
      try {
        const ids = await bench.attemptEach();
        const attempts: AttemptView[] = [];
        for (const eventId of ids) {
          attempts.push(...((await bench.store.attempts({ clientId: 'client-a', eventId })) ?? []));
        }
        for (const row of bench.rows) await judge(bench, row, attempts);
        expect(bench.trap.connections).toBe(0);
        expect(bench.rows.length).toBeGreaterThan(2);
      } finally {
        await bench.stop();
      }
      if (round % 20 === 0) process.stdout.write(`fault upstream, ${kind}: round ${String(round)}\n`);
    }
  },
  60_000 + ROUNDS * 10_000,
);
