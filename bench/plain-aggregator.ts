import http from 'node:http';

import axios, { type AxiosInstance } from 'axios';
import axiosRetry from 'axios-retry';

/**
 * The plain solution: all sources of all users at once, each without a retry, or with axios-retry
 * after 1, 2 and 4 s.
 */
export type PlainPolicy = 'no retry' | 'retry after 1, 2, 4 s';

const SOURCES = ['profile', 'posts', 'analytics'] as const;

export class PlainAggregator {
  private readonly agent = new http.Agent({ keepAlive: true });
  private readonly axios: AxiosInstance;

  constructor(baseURL: string, policy: PlainPolicy) {
    this.axios = axios.create({ baseURL, httpAgent: this.agent, proxy: false });
    if (policy === 'no retry') return;
    axiosRetry(this.axios, { retries: 3, retryDelay: (count) => 1000 * 2 ** (count - 1) });
  }

  /** Returns how many of the users came with all their sources. */
  async batch(userIds: readonly string[]): Promise<number> {
    const users = await Promise.all(
      userIds.map((id) => Promise.allSettled(SOURCES.map((source) => this.axios.get(`/api/users/${id}/${source}`)))),
    );
    return users.filter((sources) => sources.every(({ status }) => status === 'fulfilled')).length;
  }

  close(): void {
    this.agent.destroy();
  }
}
