import { Ring } from './ring';

function ringOf(capacity: number, count: number): Ring<number> {
  const ring = new Ring<number>(capacity);
  for (let item = 0; item < count; item += 1) ring.push(item);
  return ring;
}

describe('Ring', () => {
  it.each([
    { capacity: 3, count: 0, held: [] },
    { capacity: 3, count: 2, held: [0, 1] },
    { capacity: 3, count: 3, held: [0, 1, 2] },
    { capacity: 3, count: 5, held: [2, 3, 4] },
    { capacity: 3, count: 9, held: [6, 7, 8] },
    { capacity: 1, count: 4, held: [3] },
    { capacity: 0, count: 4, held: [] },
  ])('holds the newest $capacity of $count and counts all', ({ capacity, count, held }) => {
    const ring = ringOf(capacity, count);
    expect(ring.all()).toEqual(held);
    expect(ring.count).toBe(count);
  });

  it('is read in pieces from a sequence number on, skipping what it has forgotten', () => {
    const ring = ringOf(4, 10);
    expect(ring.from(0, 3)).toEqual({ items: [6, 7, 8], next: 9 });
    expect(ring.from(9, 3)).toEqual({ items: [9], next: 10 });
    expect(ring.from(10, 3)).toEqual({ items: [], next: 10 });
    expect(ring.from(99, 3)).toEqual({ items: [], next: 10 });
  });

  it('keeps the newest when it shrinks and what it has when it grows', () => {
    const ring = ringOf(4, 6);
    ring.resize(2);
    expect(ring.all()).toEqual([4, 5]);
    ring.resize(3);
    ring.push(6);
    ring.push(7);
    expect(ring.all()).toEqual([5, 6, 7]);
    expect(ring.count).toBe(8);
    ring.resize(0);
    ring.push(8);
    expect(ring.all()).toEqual([]);
    expect(ring.count).toBe(9);
  });
});
