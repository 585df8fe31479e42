import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call as the destination saw it. */
export interface ReceivedCall {
  readonly id: string;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly status: number;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Decides the answer to the n-th call (from 0), or takes over the socket by answering null. */
export type Answering = (call: number, body: string, response: http.ServerResponse) => Answer | null;

export const accepted: Answer = { status: 202, body: '{"status":"accepted","received_at":"2026-01-01T00:00:00Z"}' };

/** A destination over a real socket that remembers every call and can be waited upon. */
export class FakeDestination {
  readonly calls: ReceivedCall[] = [];
  /** Ids of the calls that were answered 202, in order. */
  readonly acceptedIds: string[] = [];
  answering: Answering = () => accepted;
  private readonly waiting = new Set<() => void>();
  private readonly server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.answer(request, Buffer.concat(chunks).toString('utf8'), response));
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}/v1/conversions`;
  }

  /** Resolves as soon as what it remembers meets the condition. */
  async until(condition: (destination: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.waiting.add(resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: http.IncomingMessage, body: string, response: http.ServerResponse): void {
    const answer = this.answering(this.calls.length, body, response);
    const { id } = JSON.parse(body) as { id: string };
    this.calls.push({ id, body, headers: request.headers, status: answer?.status ?? 0 });
    if (answer?.status === 202) this.acceptedIds.push(id);
    if (answer !== null) {
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(answer.body ?? '');
    }
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}
