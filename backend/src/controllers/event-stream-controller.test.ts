import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

import express from 'express';

import { systemRuntime } from '../external-services/system-runtime';
import { EventFeed, type EventFact } from '../services/events/event-feed';
import { EventStream } from '../services/events/event-stream';
import { StreamController } from './event-stream-controller';

const fact: EventFact = {
  fact: 'delivered',
  at: 0,
  eventId: 'e'.repeat(1000),
  clientId: 'client',
  destination: 'd',
  status: 'delivered',
  record: null,
  deadReason: null,
};

test('a reader that does not read is cut off before much of it piles up here', async () => {
  const feed = new EventFeed();
  const controller = new StreamController(new EventStream(feed, 'run'), systemRuntime);
  const app = express();
  app.use((_request, response, next) => {
    response.locals['caller'] = { clientId: 'client', scopes: ['events:read'] };
    next();
  });
  app.get('/', controller.get);
  const server = http.createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gone = new Promise<void>((resolve) =>
    server.on('request', (request) => request.socket.once('close', () => resolve())),
  );
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => socket.once('readable', resolve));

  // What the two kernels buffer is some megabytes; beyond it the reader must go.
  let isGone = false;
  void gone.then(() => (isGone = true));
  for (let sent = 0; sent < 40_000 && !isGone; sent += 1) {
    feed.publish(fact);
    if (sent % 100 === 0) await systemRuntime.turn();
  }
  await gone;
  expect(isGone).toBe(true);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
