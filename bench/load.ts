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

/** Posts purchases over keep-alive connections, one at a time on each. */
export async function postEvents({ url, token, connections, seconds, amount }: LoadOptions): Promise<LoadResult> {
  const result = await autocannon({
    url,
    connections,
    ...(seconds !== undefined && { duration: seconds }),
    ...(amount !== undefined && { amount }),
    requests: [
      {
        method: 'POST',
        path: '/events',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        setupRequest: (request) => ({ ...request, body: purchase() }),
      },
    ],
  });
  return {
    perSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: result.non2xx + result.errors,
    total: result.requests.total,
  };
}

/** A token of the development client that needs no secret. */
export async function fetchToken(url: string): Promise<string> {
  const response = await fetch(`${url}/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ clientId: 'marketing-dashboard' }),
  });
  if (!response.ok) throw new Error(`POST /auth answered ${String(response.status)}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
