import { createHash } from 'node:crypto';

import { ScriptedDestination } from '../../../test/support/scripted-destination';
import type { ClaimedDelivery } from '../../types/delivery';
import { systemRuntime } from '../../external-services/system-runtime';
import { Circuit } from '../resilience/circuit';
import { attemptDeliveries } from './attempt';
import { Blame } from './blame';
import { Pace } from './pace';

const payload = Buffer.from('{"id":"1"}');
const delivery: ClaimedDelivery = {
  deliveryId: 100,
  eventId: '1',
  clientId: 'client-a',
  eventName: 'purchase',
  eventTimeSeconds: 1_700_000_000,
  destination: 'scripted',
  attempt: 1,
  tries: 1,
  payload,
  checksum: createHash('sha256').update(payload).digest(),
  retryUntil: null,
  leaseUntil: Date.now() + 3_600_000,
  isReplay: false,
  requestId: null,
};

test('an adapter that throws is a failed attempt, and no more than that', async () => {
  const destination = new ScriptedDestination();
  destination.answering = () => {
    throw new TypeError('a defect');
  };
  const circuit = new Circuit(systemRuntime);
  const [settlement] = await attemptDeliveries([delivery], {
    destination,
    circuit,
    runtime: systemRuntime,
    schedule: { baseMs: 1_000, maxMs: 2_000, forMs: 60_000 },
    attemptTimeoutMs: 1_000,
    pace: new Pace(systemRuntime, destination),
    blame: new Blame(),
    heldMs: () => 0,
    cut: new AbortController().signal,
  });
  expect(settlement?.record).toMatchObject({
    outcome: 'retryable',
    error: 'adapter_failed',
    possibleDuplicate: 'answer_lost',
  });
  expect(settlement?.next).toMatchObject({ status: 'pending', burnsAttempt: true });
  expect(circuit.snapshot().failures).toBe(1);
});
