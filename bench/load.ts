import { randomUUID } from 'node:crypto';

import autocannon from 'autocannon';

/** What a round of load came to. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
  readonly total: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly token: string;
  readonly connections: number;
  /** Either for this long … */
  readonly seconds?: number;
  /** … or this many requests. */
  readonly amount?: number;
  /** Left out: one event a request. */
  readonly eventsPerRequest?: number;
}

/** A purchase with a fresh id, as the whole bench posts it. */
function purchase(): string {
  return JSON.stringify({
    event_id: randomUUID(),
    user_id: `user-${String(Math.floor(Math.random() * 10_000))}`,
    event_name: 'purchase',
    event_time_epoch: Math.floor(Date.now() / 1000),
    value: '19.99',
    currency: 'EUR',
    campaign_id: 'spring',
  });
}

function batchOf(events: number): string {
  return `{"events":[${Array.from({ length: events }, purchase).join()}]}`;
}

/** Posts purchases over keep-alive connections, one request at a time on each. */
export async function postEvents(options: LoadOptions): Promise<LoadResult> {
  const { url, token, connections, seconds, amount, eventsPerRequest } = options;
  const result = await autocannon({
    url,
    connections,
    ...(seconds !== undefined && { duration: seconds }),
    ...(amount !== undefined && { amount }),
    requests: [
      {
        method: 'POST',
        path: eventsPerRequest === undefined ? '/events' : '/events/batch',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        setupRequest: (request) => ({
          ...request,
          body: eventsPerRequest === undefined ? purchase() : batchOf(eventsPerRequest),
        }),
      },
    ],
  });
  return toLoadResult(result);
}

/** Posts an event and waits until it is delivered; gives what posts it again. */
export async function deliveredEvent(
  url: string,
  token: string,
): Promise<(options: LoadOptions) => Promise<LoadResult>> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const body = purchase();
  const first = await fetch(`${url}/events`, { method: 'POST', headers: { ...headers, prefer: 'wait=30' }, body });
  const { status } = (await first.json()) as { status: string };
  if (status !== 'delivered') throw new Error(`the event to repeat is ${status}`);
  const requests = [{ method: 'POST' as const, path: '/events', headers, body }];
  return async ({ connections, seconds = 1 }) =>
    toLoadResult(await autocannon({ url, connections, duration: seconds, requests }));
}

/** Gets one path over and over. */
export async function getPath({ url, token, connections, seconds }: LoadOptions, path: string): Promise<LoadResult> {
  const headers = { authorization: `Bearer ${token}` };
  const duration = seconds === undefined ? {} : { duration: seconds };
  return toLoadResult(
    await autocannon({ url, connections, ...duration, requests: [{ method: 'GET', path, headers }] }),
  );
}

function toLoadResult({ requests, latency, non2xx, errors }: Awaited<ReturnType<typeof autocannon>>): LoadResult {
  return {
    perSecond: requests.average,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failures: non2xx + errors,
    total: requests.total,
  };
}

interface Credentials {
  readonly clientId: string;
  readonly clientSecret?: string;
}

/** A token; left out, of the development client that needs no secret. */
export async function fetchToken(
  url: string,
  client: Credentials = { clientId: 'marketing-dashboard' },
): Promise<string> {
  const response = await fetch(`${url}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(client),
  });
  if (!response.ok) throw new Error(`POST /auth answered ${String(response.status)}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
