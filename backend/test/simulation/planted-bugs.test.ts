import { PLANTED_BUGS } from './planted-bugs';
import { simulate } from './simulation';

/** So many seeds, at most, must be enough to notice each. */
const SEEDS = 600;

afterEach(() => jest.restoreAllMocks());

describe('the simulation', () => {
  it.each(PLANTED_BUGS)('notices $name', async ({ breaks, fault, patch }) => {
    patch?.();
    let caught = 'nothing';
    for (let seed = 1; seed <= SEEDS && caught === 'nothing'; seed += 1) {
      const { violations } = await simulate(seed, { ...fault });
      const [first] = violations;
      if (first !== undefined) caught = first.promise;
    }
    expect(caught).toMatch(breaks);
  });
});
