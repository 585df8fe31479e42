/** Whatever would make two runs of a seed differ throws, until jest's mocks are put back. */
export function forbidRealTime(): void {
  const forbid = (name: string) => (): never => {
    throw new Error(`${name} in a simulation: time and dice come from the Runtime.`);
  };
  jest.spyOn(Date, 'now').mockImplementation(forbid('Date.now'));
  jest.spyOn(Math, 'random').mockImplementation(forbid('Math.random'));
  jest.spyOn(performance, 'now').mockImplementation(forbid('performance.now'));
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(forbid('setTimeout'));
  jest.spyOn(globalThis, 'setInterval').mockImplementation(forbid('setInterval'));
  jest.spyOn(globalThis, 'setImmediate').mockImplementation(forbid('setImmediate'));
  jest.spyOn(AbortSignal, 'timeout').mockImplementation(forbid('AbortSignal.timeout'));
}
