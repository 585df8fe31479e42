import { randomBytes } from 'node:crypto';

import { createUuidV7 } from './uuid-v7';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const timestampOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

/** The 18 bits of rand_a and rand_b that count. */
function counterOf(id: string): number {
  const bits = BigInt(`0x${id.replaceAll('-', '')}`);
  return Number(((bits >> 64n) & 0xfffn) << 6n) + Number((bits >> 56n) & 0x3fn);
}

function expectGrowing(ids: readonly string[]): void {
  const wrong = ids.filter((id, index) => !UUID_V7.test(id) || (index > 0 && id <= (ids[index - 1] ?? '')));
  expect(wrong).toEqual([]);
}

describe('createUuidV7', () => {
  it('lays time, version and variant out as RFC 9562, section 5.7', () => {
    const zeros = createUuidV7(() => 0x017f22e279b0, Buffer.alloc);
    expect(zeros()).toBe('017f22e2-79b0-7000-8000-000000000000');
    const ones = createUuidV7(
      () => 2 ** 48 - 1,
      (size) => Buffer.alloc(size, 0xff),
    );
    // The first bit of the counter starts at 0.
    expect(ones()).toBe('ffffffff-ffff-77ff-bfff-ffffffffffff');
  });

  it('grows within a millisecond, keeping its time', () => {
    const newId = createUuidV7(() => 1_795_168_800_000, randomBytes);
    const ids = Array.from({ length: 20_000 }, () => newId());
    expectGrowing(ids);
    expect(new Set(ids.map(timestampOf))).toEqual(new Set([1_795_168_800_000]));
    expect(counterOf(ids[19_999] ?? '') - counterOf(ids[0] ?? '')).toBe(19_999);
  });

  it('goes on to the next millisecond by itself when the counter is used up', () => {
    const newId = createUuidV7(
      () => 1000,
      (size) => Buffer.alloc(size, 0xff),
    );
    const ids = Array.from({ length: 2 ** 17 + 3 }, () => newId());
    expectGrowing(ids);
    expect(ids.slice(-3).map(timestampOf)).toEqual([1000, 1001, 1001]);
    expect(ids.slice(-3).map(counterOf)).toEqual([2 ** 18 - 1, 2 ** 17 - 1, 2 ** 17]);
  });

  it('grows when the clock goes on, stands still or steps back, and then takes the new time up', () => {
    const clock = [1000, 1001, 1001.9, 5, 1001, 1002, Number.NaN, -1, 1003, 1003];
    let calls = 0;
    const newId = createUuidV7(() => clock[calls++] ?? 0, randomBytes);
    const ids = clock.map(() => newId());
    expectGrowing(ids);
    expect(ids.map(timestampOf)).toEqual([1000, 1001, 1001, 1001, 1001, 1002, 1002, 1002, 1003, 1003]);
  });

  it('starts each millisecond at another counter, with room above it', () => {
    let present = 0;
    const newId = createUuidV7(() => present++, randomBytes);
    const counters = Array.from({ length: 1000 }, () => counterOf(newId()));
    expect(new Set(counters).size).toBeGreaterThan(975);
    expect(Math.max(...counters)).toBeLessThan(2 ** 17);
    expect(Math.max(...counters)).toBeGreaterThan(2 ** 16);
  });

  it('gives every id 56 random bits of its own', () => {
    const newId = createUuidV7(() => 1, randomBytes);
    const tails = Array.from({ length: 5000 }, () => newId().slice(-15).replace('-', ''));
    expect(new Set(tails).size).toBe(5000);
    for (let digit = 0; digit < 14; digit++) expect(new Set(tails.map((tail) => tail.charAt(digit))).size).toBe(16);
  });

  it('draws random bytes by the pool and uses each once', () => {
    const drawn: Buffer[] = [];
    const newId = createUuidV7(
      () => 1,
      (size) => {
        drawn.push(randomBytes(size));
        return drawn.at(-1) ?? Buffer.alloc(0);
      },
    );
    const ids = Array.from({ length: 1500 }, () => newId());
    expect(drawn).toHaveLength(3);
    // The first bytes seed the counter; then each id takes seven.
    const tails = ids.slice(0, 500).map((id) => id.slice(-15).replace('-', '').slice(-14));
    const expected = tails.map((_, index) => drawn[0]?.toString('hex', 3 + index * 7, 10 + index * 7));
    expect(tails).toEqual(expected);
  });
});
