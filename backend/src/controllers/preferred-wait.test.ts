import type { Request } from 'express';

import { preferredWait } from './event-controller';

const waitOf = (prefer: string | string[] | undefined) =>
  preferredWait({ headers: prefer === undefined ? {} : { prefer } } as unknown as Request);

test.each<[string | string[], number]>([
  ['wait=5', 5],
  ['WAIT = 5', 5],
  ['wait="5"', 5],
  ['wait=0', 0],
  ['wait=30', 30],
  ['wait=31', 30],
  [`wait=${'9'.repeat(400)}`, 30],
  ['respond-async, wait=5', 5],
  ['wait=5; foo=bar', 5],
  [['respond-async', 'wait=5'], 5],
  ['wait=3, wait=9', 3],
  ['foo="a, wait=9", wait=3', 3],
])('%j waits %d s', (prefer, seconds) => {
  expect(waitOf(prefer)).toBe(seconds);
});

test.each<[string | undefined]>([
  [undefined],
  [''],
  ['wait'],
  ['wait='],
  ['wait=abc'],
  ['wait=-1'],
  ['wait=1.5'],
  ['wait="5'],
  ['waits=5'],
  // A parameter of another preference is none.
  ['foo; wait=5'],
  ['foo="wait=5, wait=6"'],
])('%j does not wait', (prefer) => {
  expect(waitOf(prefer)).toBeNull();
});
