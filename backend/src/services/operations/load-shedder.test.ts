import type { Log } from '../../interfaces/log';
import { LoadShedder } from './load-shedder';

test('sheds after three late windows in a row, until one is in time, and says so once', () => {
  const facts: string[] = [];
  const note = (_fields: object, fact: string) => facts.push(fact);
  const shedder = new LoadShedder({ warn: note } as Partial<Log> as Log);
  const states = [201, 201, 200, 201, 900, 201, 900, 200, 300, 300].map((p99Ms) => {
    shedder.sample(p99Ms);
    return shedder.isShedding;
  });
  expect(states).toEqual([false, false, false, false, false, true, true, false, false, false]);
  expect(facts).toEqual(['load.shedding', 'load.normal']);
});
