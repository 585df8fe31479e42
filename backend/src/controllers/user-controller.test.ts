import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

import type { Request, Response } from 'express';

import { MapCache } from '../../test/support/map-cache';
import { SimulatedRuntime } from '../../test/support/simulated-runtime';
import type { SourceAnswer } from '../interfaces/user-sources';
import type { EventStore } from '../interfaces/event-store';
import { Catalogue } from '../services/events/catalogue';
import { PointsService } from '../services/points/points-service';
import { BatchService } from '../services/users/batch-service';
import { UserController } from './user-controller';

const userCount = 1_000;
/** How many users are in flight at first, and at most. */
const firstWindow = 10;
const lastWindow = 40;

/** The connection of a reader who takes nothing until `read` is called, and then all there is. */
class StoppedReader extends Writable {
  text = '';
  private next: (() => void) | null = null;
  private isReading = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    if (this.isReading) done();
    else this.next = done;
  }

  read(): void {
    this.isReading = true;
    this.next?.();
  }
}

function streamTo(reader: Writable) {
  const runtime = new SimulatedRuntime({ seed: 1 });
  let asked = 0;
  const found = async <T>(value: T): Promise<SourceAnswer<T>> => ({ kind: 'found', value, attempts: 1 });
  const batch = new BatchService({
    runtime,
    cache: new MapCache(runtime),
    deadlineMs: 1_400,
    sources: {
      fetchProfile: (id) => {
        asked += 1;
        return found({ id, name: 'n'.repeat(200), email: '', joinedAt: '2024-01-01', status: 'active' });
      },
      fetchPosts: () => found({ total: 0, newestAt: null }),
      fetchAnalytics: () => found({ avgEngagement: 0, lastActiveAt: '2024-01-01' }),
    },
  });
  const userIds = Array.from({ length: userCount }, (_, index) => `u${index}`);
  const controller = new UserController({
    batch,
    directory: null,
    points: new PointsService({} as EventStore, new Catalogue([])),
  });
  const sent = { body: { userIds }, accepts: () => 'application/x-ndjson' };
  const request = Object.assign(new IncomingMessage(new Socket()), sent);
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const response = Object.assign(new ServerResponse(request), { locals: { requestId: 'r' } });
  response.assignSocket(reader as unknown as Socket);
  // What node's server does for its connections.
  reader.on('drain', () => response.emit('drain'));
  const ended = controller.postBatchInfo(request as unknown as Request, response as unknown as Response);
  return { ended, response, asked: () => asked };
}

/** Longer than anything here can take that waits for nothing. */
async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) await new Promise(setImmediate);
}

describe('UserController, streaming', () => {
  it('works no further than its buffer and a window ahead of a reader who does not read', async () => {
    const reader = new StoppedReader({ highWaterMark: 4_096 });
    const { ended, asked } = streamTo(reader);
    await manyTurns();
    const askedWhileStopped = asked();
    expect(askedWhileStopped).toBeGreaterThanOrEqual(firstWindow);
    expect(askedWhileStopped).toBeLessThan(lastWindow + 100);
    reader.read();
    await ended;
    expect(asked()).toBe(userCount);
    const lines = reader.text.split('\n').filter((line) => line.startsWith('{'));
    expect(lines).toHaveLength(userCount + 1);
    expect(lines.at(-1)).toContain(`"totalProcessed":${userCount}`);
    expect(reader.text).toMatch(/X-Batch-Complete: true\r\n\r\n$/);
  });

  it('asks nothing more once the connection has closed', async () => {
    const { ended, response, asked } = streamTo(new StoppedReader({ highWaterMark: 4_096 }));
    await manyTurns();
    const askedBefore = asked();
    response.emit('close');
    await ended;
    await manyTurns();
    expect(asked()).toBe(askedBefore);
  });
});
