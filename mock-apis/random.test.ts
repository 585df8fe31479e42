import { createRandom, pick, within } from './random';

const draw = (seed: number, name: string, count: number): number[] => {
  const random = createRandom(seed, name);
  return Array.from({ length: count }, random);
};

describe('createRandom', () => {
  it('gives the same sequence for the same seed and name, and another for any other', () => {
    expect(draw(7, 'a', 50)).toEqual(draw(7, 'a', 50));
    expect(draw(7, 'a', 3)).not.toEqual(draw(8, 'a', 3));
    expect(draw(7, 'a', 3)).not.toEqual(draw(7, 'b', 3));
  });

  it('is spread evenly over [0, 1)', () => {
    const tenths = new Array<number>(10).fill(0);
    for (const number of draw(1, 'even', 20_000)) {
      expect(number).toBeGreaterThanOrEqual(0);
      expect(number).toBeLessThan(1);
      const tenth = Math.floor(number * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

it('draws reach both ends of a range and every item of a list, and nothing beyond', () => {
  const almostOne = 1 - 2 ** -32;
  expect([within([3, 5], 0), within([3, 5], 0.5), within([3, 5], almostOne)]).toEqual([3, 4, 5]);
  expect([pick(['a', 'b'], 0), pick(['a', 'b'], almostOne)]).toEqual(['a', 'b']);
  expect(() => pick([], 0)).toThrow('empty');
});
