import { durationInWords } from './time';

describe('durationInWords', () => {
  it.each([
    [0, '0 milliseconds'],
    [1, '1 millisecond'],
    [999.9, '999 milliseconds'],
    [1_000, '1 second'],
    [61_001, '1 minute and 1 second'],
    [300_000, '5 minutes'],
    [-300_000, '5 minutes'],
    [604_800_000, '7 days'],
    [604_800_001, '7 days and 1 millisecond'],
    [694_861_001, '8 days and 1 hour'],
  ])('says %d ms as "%s"', (durationMs, words) => {
    expect(durationInWords(durationMs)).toBe(words);
  });
});
