import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { EventClient } from '../support/event-client';
import { FakeDestination } from '../support/fake-destination';
import { GatewayProcess } from '../support/gateway-process';
import { purchase } from '../support/test-gateway';

const IDS = process.env['LONG'] === '1' ? 10_000 : 200;
const CONNECTIONS = 50;

const folder = mkdtempSync(join(tmpdir(), 'sluice-race-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Answer {
  readonly event_id: string;
  readonly duplicate: boolean;
}

test(
  `${String(IDS)} ids, each posted ${String(CONNECTIONS)} times at once to each of two processes on one file: one event, one call, all told yes`,
  async () => {
    const destination = new FakeDestination();
    await destination.start();
    const settings = {
      JWT_SECRET: 'a-secret-of-the-tests-that-is-long-enough',
      STORE_URL: `sqlite:${join(folder, 'gateway.db')}`,
      ADEVENTSX_URL: destination.url,
      ADEVENTSX_API_KEY: 'key-1',
      RATE_LIMIT_PER_MINUTE: '10000000',
      LOG_LEVEL: 'info',
    };
    const gateways = [new GatewayProcess(settings), new GatewayProcess(settings)];
    try {
      await Promise.all(gateways.map((gateway) => gateway.start()));
      const clients = await Promise.all(gateways.map(({ url }) => new EventClient().connect(url)));
      const ids: string[] = [];
      for (let number = 1; number <= IDS; number += 1) {
        const id = randomUUID();
        ids.push(id);
        const event = purchase({ event_id: id });
        const posts = clients.flatMap((client) =>
          Array.from({ length: CONNECTIONS }, () => client.post('/events', event)),
        );
        const answers = await Promise.all(posts);
        expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
        const bodies = answers.map(({ body }) => body as Answer);
        expect(bodies.filter((body) => body.event_id !== id)).toEqual([]);
        // Only one of them was the first.
        expect(bodies.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
        if (number % 1_000 === 0) process.stdout.write(`race: ${String(number)} ids\n`);
      }
      await destination.until(({ acceptedIds }) => acceptedIds.length >= IDS);
      const points = (await clients[0]?.get('/users/user-1/points'))?.body as {
        events: { name: string; count: number }[];
      };
      expect(points.events).toMatchObject([{ name: 'purchase', count: IDS }]);
      expect(await Promise.all(gateways.map((gateway) => gateway.stop()))).toEqual([0, 0]);
      expect([...destination.acceptedIds].sort()).toEqual([...ids].sort());
      expect(destination.calls).toHaveLength(IDS);
    } finally {
      await Promise.all(gateways.map((gateway) => gateway.kill()));
      await destination.stop();
    }
  },
  60_000 + IDS * 1_000,
);
