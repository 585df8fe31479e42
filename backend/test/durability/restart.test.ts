import { randomUUID } from 'node:crypto';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

test('after a restart what was accepted is delivered, and deduplication remembers', async () => {
  const destination = new FakeDestination();
  await destination.start();
  const gateway = new TestGateway({ ADEVENTSX_URL: destination.url, ADEVENTSX_API_KEY: 'key-1', RETRY_BASE_MS: '10' });
  try {
    destination.answering = () => ({ status: 503 });
    await gateway.start();
    const events = Array.from({ length: 20 }, () => purchase({ event_id: randomUUID() }));
    for (const event of events) expect((await gateway.post('/events', event)).status).toBe(202);
    await gateway.stop();

    destination.answering = () => accepted;
    await gateway.start();
    const ids = events.map(({ event_id }) => event_id as string);
    await destination.until(({ acceptedIds }) => ids.every((id) => acceptedIds.includes(id)));
    const again = await gateway.post('/events', events[0] ?? {}, { Prefer: 'wait=10' });
    expect(again.body).toMatchObject({ event_id: ids[0], duplicate: true, status: 'delivered' });
    expect(destination.acceptedIds.filter((id) => id === ids[0])).toHaveLength(1);
  } finally {
    await gateway.dispose();
    await destination.stop();
  }
});
