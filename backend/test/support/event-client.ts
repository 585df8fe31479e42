import { randomUUID } from 'node:crypto';
import http from 'node:http';

import { purchase } from './test-gateway';

export interface Answered {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: unknown;
}

/** A client of a gateway in another process: keeps what it was told is accepted, which outlives the gateway. */
export class EventClient {
  readonly accepted = new Set<string>();
  /** An answer said `Connection: close`: a balancer sends nothing more there. */
  isToldToClose = false;
  private token = '';
  /** Set by `connect`; without it, for what needs no token. */
  url = '';
  private readonly agent = new http.Agent({ keepAlive: true });
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
    this.isToldToClose = false;
    return this;
  }

  /** Posts over a kept-alive connection; the status, and the answer as JSON. Rejects with node's error when there is none. */
  post(path: string, body: object, headers: Record<string, string> = {}): Promise<Answered> {
    return this.ask('POST', path, JSON.stringify(body), headers);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answered> {
    return this.ask('GET', path, '', headers);
  }

  close(): void {
    this.agent.destroy();
  }

  private ask(method: string, path: string, text: string, more: Record<string, string>): Promise<Answered> {
    const headers = {
      ...{ 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
      ...{ Authorization: `Bearer ${this.token}`, ...more },
    };
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.url}${path}`, { method, headers, agent: this.agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
          // A crowded gateway closes connections too, and is not going.
          const isCrowded = (body as { code?: string }).code === 'overloaded';
          this.isToldToClose = response.headers.connection === 'close' && !isCrowded;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      request.on('error', reject);
      request.end(text);
    });
  }

  /** Posts an event of its own and remembers whether it was accepted. Rejects when the gateway is gone. */
  async postOne(fields: Record<string, unknown> = {}, headers: Record<string, string> = {}): Promise<void> {
    const id = randomUUID();
    const { status } = await this.post('/events', purchase({ event_id: id, ...fields }), headers);
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

  /** Posts one event after the other until the gateway is gone or says that it goes; says which, by the error's code. */
  async postUntilGone(): Promise<string> {
    try {
      while (!this.isToldToClose) await this.postOne();
      return 'told to close';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }

  async untilAccepted(count: number): Promise<void> {
    while (this.accepted.size < count) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }
}
