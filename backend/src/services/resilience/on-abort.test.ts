import { getEventListeners, getMaxListeners } from 'node:events';
import { onAbort } from './on-abort';

describe('onAbort', () => {
  it('calls once, and not after it was called off', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('stays'));
    const callOff = onAbort(controller.signal, () => calls.push('called off'));
    callOff();
    controller.abort();
    controller.abort();
    callOff();
    expect(calls).toEqual(['stays']);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('does nothing without a signal', () => {
    const never = jest.fn();
    onAbort(undefined, never)();
    expect(never).not.toHaveBeenCalled();
  });

  it('lets any number share a signal without a warning', () => {
    const { signal } = new AbortController();
    onAbort(signal, () => undefined);
    expect(getMaxListeners(signal)).toBe(Infinity);
  });
});
