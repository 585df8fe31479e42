import type { UserSummary } from '../backend/src/types/user';

/** Batches of fresh users, a few at a time, and what came of them. */

export interface BatchesResult {
  readonly times: readonly number[];
  readonly users: number;
  readonly completeUsers: number;
  readonly statuses: Readonly<Record<number, number>>;
}

export interface BatchesPlan {
  readonly batches: number;
  readonly size: number;
  readonly atATime: number;
}

/** Answers one batch: how many users are complete, and the HTTP status. */
export type AnswerBatch = (userIds: readonly string[]) => Promise<{ complete: number; status: number }>;

let lastUser = 0;

/** Ids that were never asked for before, so that no cache knows them. */
export function freshUsers(count: number): string[] {
  return Array.from({ length: count }, () => `u${String((lastUser += 1))}`);
}

export async function runBatches(plan: BatchesPlan, answer: AnswerBatch): Promise<BatchesResult> {
  const times: number[] = [];
  const statuses: Record<number, number> = {};
  let completeUsers = 0;
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < plan.batches) {
      begun += 1;
      const startedAt = performance.now();
      const { complete, status } = await answer(freshUsers(plan.size));
      times.push(performance.now() - startedAt);
      statuses[status] = (statuses[status] ?? 0) + 1;
      completeUsers += complete;
    }
  };
  await Promise.all(Array.from({ length: plan.atATime }, worker));
  return { times, users: plan.batches * plan.size, completeUsers, statuses };
}

export function isCompleteUser({ sources }: UserSummary): boolean {
  return Object.values(sources).every(({ status }) => status !== 'missing' && status !== 'failed');
}

export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
}

export function show({ times, users, completeUsers }: BatchesResult, callsRatio: number): string {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => String(percentile(times, share)));
  const share = ((100 * completeUsers) / users).toFixed(2);
  return `p50 ${String(p50)} ms, p99 ${String(p99)} ms, max ${String(max)} ms, ${share} % complete, ${callsRatio.toFixed(2)} × calls`;
}
