import { makeEvent, ROOMY } from '../../test/contract/store-fixtures';
import { SimulatedRuntime } from '../../test/support/simulated-runtime';
import { StoreUnavailableError } from '../interfaces/event-store';
import { distrustProbeAfterFailure } from './distrust-probe';
import { MemoryEventStore } from './memory-event-store';

function doubted() {
  const runtime = new SimulatedRuntime({ seed: 1 });
  const store = new MemoryEventStore();
  return { runtime, store, watched: distrustProbeAfterFailure(store, runtime) };
}

const full = async () => Promise.reject(new StoreUnavailableError('full', false));

test('a probe that is committed is not believed after an event that was not, until another one is', async () => {
  const { store, watched } = doubted();
  await watched.check();
  jest.spyOn(store, 'accept').mockImplementationOnce(full);
  await expect(watched.accept([makeEvent()], ROOMY)).rejects.toThrow('full');
  await expect(watched.check()).rejects.toThrow('full');
  expect(await watched.accept([makeEvent()], ROOMY)).toMatchObject([{ kind: 'inserted' }]);
  await watched.check();
});

test('where no event comes any more, as to one that is not ready, the probe decides again after a while', async () => {
  const { runtime, store, watched } = doubted();
  jest.spyOn(store, 'accept').mockImplementationOnce(full);
  await expect(watched.accept([makeEvent()], ROOMY)).rejects.toThrow('full');
  await runtime.advance(4_999);
  await expect(watched.check()).rejects.toThrow('full');
  await runtime.advance(1);
  await watched.check();
  jest.spyOn(store, 'check').mockImplementationOnce(full);
  await expect(watched.check()).rejects.toThrow('full');
});
