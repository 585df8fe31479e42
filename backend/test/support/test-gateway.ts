import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import supertest from 'supertest';

import { loadConfig } from '../../src/config/config';
import { createGateway, type Gateway, type GatewayParts } from '../../src/gateway';
import { createLogger } from '../../src/logger';

/** The real composition root on a free port, with a store of its own. */
export class TestGateway {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  readonly fatal: Error[] = [];
  url = '';
  private gateway: Gateway | null = null;
  private readonly tokens = new Map<string, string>();

  constructor(
    /** May be added to until it is started. */
    readonly environment: Record<string, string> = {},
    private readonly parts: Partial<GatewayParts> = {},
  ) {}

  async start(): Promise<this> {
    const config = loadConfig({
      PORT: '0',
      NODE_ENV: 'test',
      LOG_LEVEL: 'silent',
      JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
      STORE_URL: `sqlite:${join(this.folder, 'gateway.db')}`,
      RATE_LIMIT_PER_MINUTE: '10000000',
      ...this.environment,
    });
    const gateway = createGateway(config, {
      log: createLogger('silent'),
      onFatal: (error) => this.fatal.push(error),
      // The tests share this event loop: how late it is says nothing about the gateway.
      eventLoopDelay: { p99Ms: 0, start: () => undefined, stop: () => undefined },
      ...this.parts,
    });
    this.url = (await gateway.start()).url;
    this.gateway = gateway;
    return this;
  }

  /** Reads the files of settings again, as on SIGHUP. */
  async reload(): Promise<void> {
    await this.gateway?.reload();
  }

  /** Stops the process's part; what is stored stays, and `start` goes on from it. */
  async stop(): Promise<void> {
    await this.gateway?.stop();
    this.gateway = null;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async token(clientId = 'marketing-dashboard', clientSecret?: string): Promise<string> {
    const known = this.tokens.get(clientId);
    if (known !== undefined) return known;
    const response = await supertest(this.url).post('/auth').send({ clientId, clientSecret }).expect(200);
    const token = (response.body as { access_token: string }).access_token;
    this.tokens.set(clientId, token);
    return token;
  }

  async post(path: string, body: object, headers: Record<string, string> = {}): Promise<supertest.Response> {
    return supertest(this.url)
      .post(path)
      .set({ Authorization: `Bearer ${await this.token()}`, ...headers })
      .send(body);
  }

  /** As `post`, over kept-alive connections and without supertest: for many. Gives the status. */
  async postQuickly(path: string, body: object): Promise<number> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await this.token()}` },
      body: JSON.stringify(body),
    });
    await response.arrayBuffer();
    return response.status;
  }

  async get(path: string, token?: string): Promise<supertest.Response> {
    return supertest(this.url)
      .get(path)
      .set('Authorization', `Bearer ${token ?? (await this.token())}`);
  }
}

/** A valid purchase of now; fields given replace its own, `undefined` removes one. */
export function purchase(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    user_id: 'user-1',
    event_name: 'purchase',
    event_time_epoch: Math.floor(Date.now() / 1000),
    value: '19.99',
    currency: 'EUR',
    campaign_id: 'spring',
    ...fields,
  };
}
