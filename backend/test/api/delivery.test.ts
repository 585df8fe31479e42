import { randomUUID } from 'node:crypto';

import { accepted, FakeDestination } from '../support/fake-destination';
import { purchase, TestGateway } from '../support/test-gateway';

const EVENTS = 1_000;
const CLIENTS = 32;

/** Posts the events from 32 clients at once, each posting its share one after the other. */
async function postAll(gateway: TestGateway, ids: readonly string[]): Promise<number[]> {
  const shares = Array.from({ length: CLIENTS }, (_, client) => ids.filter((_id, index) => index % CLIENTS === client));
  const statuses = await Promise.all(
    shares.map(async (share) => {
      const answered: number[] = [];
      for (const event_id of share) answered.push(await gateway.postQuickly('/events', purchase({ event_id })));
      return answered;
    }),
  );
  return statuses.flat();
}

describe.each<[string, (call: number) => boolean, boolean]>([
  ['always takes', () => false, true],
  ['answers 503 to a third of the calls', (call) => call % 3 === 1, false],
])('1 000 events from 32 clients to a destination that %s', (_name, isFailing, isExactlyOnce) => {
  const destination = new FakeDestination();
  let gateway: TestGateway;

  beforeAll(async () => {
    await destination.start();
    destination.answering = (call) => (isFailing(call) ? { status: 503 } : accepted);
    gateway = await new TestGateway({
      ADEVENTSX_URL: destination.url,
      ADEVENTSX_API_KEY: 'key-1',
      RETRY_BASE_MS: '20',
    }).start();
  });

  afterAll(async () => {
    await gateway.dispose();
    await destination.stop();
  });

  test('every one is accepted there exactly once', async () => {
    const ids = Array.from({ length: EVENTS }, () => randomUUID());
    const statuses = await postAll(gateway, ids);
    expect(statuses.filter((status) => status !== 202)).toEqual([]);
    await destination.until(({ acceptedIds }) => acceptedIds.length >= EVENTS);
    expect([...destination.acceptedIds].sort()).toEqual([...ids].sort());
    if (isExactlyOnce) expect(destination.calls).toHaveLength(EVENTS);
    else expect(destination.calls.length).toBeGreaterThan(EVENTS);
  }, 60_000);
});
