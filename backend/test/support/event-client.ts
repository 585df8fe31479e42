import { randomUUID } from 'node:crypto';

import { purchase } from './test-gateway';

/** A client of a gateway in another process: keeps what it was told is accepted, which outlives the gateway. */
export class EventClient {
  readonly accepted = new Set<string>();
  private token = '';
  private url = '';
  private readonly waiting = new Set<() => void>();

  /** Gets a token from the gateway at this address, which the later calls go to. */
  async connect(url: string): Promise<this> {
    const response = await fetch(`${url}/auth`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ clientId: 'marketing-dashboard' }),
    });
    this.token = ((await response.json()) as { access_token: string }).access_token;
    this.url = url;
    return this;
  }

  /** Posts; the status, and the answer as JSON. */
  async post(path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}` },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  }

  async get(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${this.token}` } });
    if (response.status !== 200) throw new Error(`${path} answered ${String(response.status)}`);
    return response.json();
  }

  /** Posts an event of its own and remembers whether it was accepted. Rejects when the gateway is gone. */
  async postOne(fields: Record<string, unknown> = {}): Promise<void> {
    const id = randomUUID();
    const { status } = await this.post('/events', purchase({ event_id: id, ...fields }));
    if (status !== 202) return;
    this.accepted.add(id);
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** Posts `count` events in one batch. */
  async postBatch(count: number): Promise<void> {
    const events = Array.from({ length: count }, () => purchase({ event_id: randomUUID() }));
    const { status, body } = await this.post('/events/batch', { events });
    if (status !== 207) return;
    for (const { event_id: id, error } of (body as { results: { event_id: string; error?: object }[] }).results) {
      if (error === undefined) this.accepted.add(id);
    }
  }

  /** Posts one event after the other until the gateway is gone. */
  async postUntilGone(): Promise<void> {
    try {
      for (;;) await this.postOne();
    } catch {
      return;
    }
  }

  async untilAccepted(count: number): Promise<void> {
    while (this.accepted.size < count) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }
}
