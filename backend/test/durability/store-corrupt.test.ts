import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import supertest from 'supertest';

import { FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

/** Changes one byte of the only place in the file that holds `text`. */
function changeByte(path: string, text: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  expect(bytes.indexOf(text, at + 1)).toBe(-1);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

test('a stored payload with a changed byte is put aside as payload_corrupt and never sent; others go out', async () => {
  const destination = new FakeDestination();
  await destination.start();
  const gateway = new TestGateway({ ADEVENTSX_URL: destination.url, ADEVENTSX_API_KEY: 'key-1' });
  const operate = async (act: string) =>
    supertest(gateway.url)
      .post(`/destinations/adeventsx/${act}`)
      .set('Authorization', `Bearer ${await gateway.token('operator', 'operator-dev-secret')}`)
      .expect(200);
  try {
    await gateway.start();
    await operate('pause');
    const [broken, torn, whole] = await Promise.all(
      ['u-broken', 'u-torn', 'u-whole'].map(async (user_id) => {
        const { body } = await gateway.post('/events', purchase({ user_id }));
        return (body as { event_id: string }).event_id;
      }),
    );
    await gateway.stop();
    const path = join(gateway.folder, 'gateway.db');
    // One stays JSON, the other does not.
    changeByte(path, `u-broken","name"`);
    changeByte(path, `":"u-torn","name"`);

    await gateway.start();
    await operate('resume');
    await destination.until(({ acceptedIds }) => acceptedIds.includes(whole ?? ''));
    for (const id of [broken, torn]) {
      let event = (await gateway.get(`/events/${id ?? ''}`)).body as { status: string; deliveries: object[] };
      while (event.status === 'pending') event = (await gateway.get(`/events/${id ?? ''}`)).body as typeof event;
      expect(event.deliveries).toMatchObject([{ status: 'dead', dead_reason: 'payload_corrupt' }]);
      expect((await gateway.get(`/events/${id ?? ''}/attempts`)).body).toEqual({ data: [] });
    }
    expect(destination.calls.map(({ id }) => id)).toEqual([whole]);
  } finally {
    await gateway.dispose();
    await destination.stop();
  }
});
